"""Orientations: every neuron of a network of one input at its angle and amplitude; one network, or the whole plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from analysis.figures.canvas import NothingToDrawError, axes, coordinate_labels, legend_below
from analysis.figures.style import RED, current
from analysis.tables.places import plane_of
from condense.planes import Plane

__all__ = ["ANGLE", "FINAL", "INITIAL", "angle_axes", "orientation", "orientation_plate", "planar"]

FINAL, INITIAL = RED, "0.35"

ANGLE = "orientation: angle of (weight, bias)"

MOST = 300
"""Neurons whose way is drawn."""

_ROOM = 0.9  # the share of its cell that a box fills
_INSIDE = 0.92  # the share of a box that its points fill


def planar(*tables: pd.DataFrame) -> None:
    """Refuse neurons that have no angle.

    Raises:
        NothingToDrawError: the neurons of a table are not in two dimensions.
    """
    if not all("angle" in table for table in tables):
        raise NothingToDrawError("no angles to draw: the neurons are not those of one input and a bias")


def orientation(
    neurons: pd.DataFrame,
    ax: Axes | None = None,
    initial: pd.DataFrame | None = None,
    moments: Sequence[pd.DataFrame] = (),
) -> Axes:
    """Draw every neuron at the angle of (weight, bias) and its amplitude |a||w|, the largest as 1.

    Arguments:
        neurons: The result of `analysis.snapshots.neurons`; inactive neurons, which see no data point, are paler.
        ax: Axes to draw on; a new figure if None.
        initial: The same network at its start, small and grey, its own largest amplitude as 1.
        moments: The same network at two or more moments: thin lines show the way of the 300 neurons of largest
            amplitude.

    Raises:
        NothingToDrawError: the neurons are not in two dimensions.
    """
    planar(neurons, *([] if initial is None else [initial]), *moments)
    ax = axes(ax)
    if len(moments) >= 2:
        _trajectories(ax, neurons, moments)
    if initial is not None:
        _scatter(ax, initial, "before training", s=4, color=INITIAL, zorder=4)  # on top: what has not moved shows both
    label = "neurons" if initial is None else "after training"
    _scatter(ax, neurons[neurons["active"]], label, s=16, color=FINAL, zorder=3)
    resting = neurons[~neurons["active"]]
    if len(resting):
        _scatter(ax, resting, f"{label}, seeing no data point", s=12, color=FINAL, alpha=0.25, zorder=2.5)
    angle_axes(ax)
    ax.set_title("Neurons: orientation and amplitude")
    legend_below(ax)
    return ax


def angle_axes(ax: Axes) -> None:
    """Name the axes of angle and relative amplitude."""
    ax.set(xlim=(-np.pi * 1.02, np.pi * 1.02), ylim=(-0.03, 1.06), xlabel=ANGLE)
    ax.set_xticks(np.linspace(-np.pi, np.pi, 5), [r"$-\pi$", r"$-\pi/2$", "0", r"$\pi/2$", r"$\pi$"])
    ax.set_ylabel("amplitude $|a||w|$ / the largest")


def _scatter(ax: Axes, table: pd.DataFrame, label: str, **look: Any) -> None:
    ax.scatter(
        table["angle"], table["relative_amplitude"], label=label, linewidths=0, rasterized=len(table) > MOST, **look
    )


def _trajectories(ax: Axes, neurons: pd.DataFrame, moments: Sequence[pd.DataFrame]) -> None:
    largest = neurons[neurons["active"]].nlargest(MOST, "amplitude").index
    angle, amplitude = (
        np.stack([table.loc[largest, name] for table in moments], axis=1) for name in ("angle", "relative_amplitude")
    )
    ways = [way for pair in zip(angle, amplitude, strict=True) for way in _cut(np.stack(pair, axis=1))]
    label = "on the way" if len(neurons) <= MOST else f"on the way ({len(largest)} neurons of largest amplitude)"
    ax.add_collection(LineCollection(ways, colors="#e0a458", linewidths=0.5, alpha=0.5, label=label, zorder=1))


def _cut(way: np.ndarray) -> list[np.ndarray]:
    """Cut a way where it goes around from pi to -pi."""
    return np.split(way, np.flatnonzero(np.abs(np.diff(way[:, 0])) > np.pi) + 1)


def orientation_plate(neurons: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a box a plane point, with the angles and amplitudes of its neurons, x (gamma, say) to the right, y upwards.

    After Luo et al. 2021, Fig. 6. Boxes share their axes: angles from -pi to pi, relative amplitudes from 0 to 1. They
    are evenly spaced, whatever the values of x. Several widths are colours, the smallest, which has the fewest
    neurons, on top.

    Arguments:
        neurons: The result of `analysis.snapshots.gathered`, a snapshot a plane point and width.
        ax: Axes to draw on; a new figure if None.

    Raises:
        NothingToDrawError: the neurons are not in two dimensions.
    """
    planar(neurons)
    ax = axes(ax)
    plane = plane_of(neurons)
    across, upwards = plane.columns
    columns, rows = (np.unique(neurons[name]) for name in plane.columns)
    for x, y in sorted(
        set(zip(np.searchsorted(columns, neurons[across]), np.searchsorted(rows, neurons[upwards]), strict=True))
    ):
        corner = x - _ROOM / 2, y - _ROOM / 2
        ax.add_patch(Rectangle(corner, _ROOM, _ROOM, facecolor="white", edgecolor="0.6", lw=0.6, zorder=1))
    widths = np.unique(neurons["width"])
    shades = [RED] if len(widths) == 1 else current().map(np.linspace(0.85, 0.1, len(widths)))
    for colour, width in [*zip(shades, widths, strict=True)][::-1]:
        here = neurons[neurons["width"] == width]
        _fill(ax, here, np.searchsorted(columns, here[across]), np.searchsorted(rows, here[upwards]), colour)
        ax.scatter([], [], color=[colour], s=16, label=f"width $m = {width:g}$")
    _plate_axes(ax, columns, rows, plane)
    legend_below(ax)
    return ax


def _fill(ax: Axes, neurons: pd.DataFrame, column: np.ndarray, row: np.ndarray, colour: Any) -> None:
    size = _ROOM * _INSIDE
    x = column + size * neurons["angle"] / (2 * np.pi)
    y = row + size * (neurons["relative_amplitude"] - 0.5)
    colours = [(*to_rgb(colour), 1.0 if active else 0.25) for active in neurons["active"]]
    ax.scatter(x, y, s=2.5, c=colours, linewidths=0, rasterized=True, zorder=2)


def _plate_axes(ax: Axes, columns: np.ndarray, rows: np.ndarray, plane: Plane) -> None:
    ax.set(xlim=(-0.55, len(columns) - 0.45), ylim=(-0.55, len(rows) - 0.45))
    ax.set_xticks(range(len(columns)), [_written(value) for value in columns])
    ax.set_yticks(range(len(rows)), [_written(value) for value in rows])
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    coordinate_labels(ax, plane)
    x, y = plane.axes
    ax.set_title(
        f"Neurons over the plane: a box a point $({x.symbol}, {y.symbol})$, a dot a neuron\n"
        "to the right: angle of (weight, bias), −π to π; upwards: amplitude $|a||w|$ / the largest, 0 to 1",
    )


def _written(value: float) -> str:
    return f"{value:g}".replace("-", "−")
