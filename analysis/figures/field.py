"""The direction field: neurons of one input as points of the plane of weight and bias, and the lines they lie on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from analysis.figures.canvas import axes, legend_below
from analysis.figures.orientation import FINAL, planar
from analysis.figures.style import BLUE
from analysis.snapshots import coordinates
from analysis.tables.directions import groups, stable

__all__ = ["direction_field"]

LINE = BLUE

WRITTEN = 0.03
"""The least share that is written."""


def direction_field(
    neurons: pd.DataFrame, ax: Axes | None = None, lines: bool = True, field: pd.DataFrame | None = None
) -> Axes:
    """Draw each neuron at (weight, bias), the longest at length 1, with the lines that cover them and where they move.

    Lines, or directions as rays from the origin, are those of the rule of clusters, by amplitude. Each is as thick as
    its share of the amplitude, which is written at its end if it is 3 % or more.

    Arguments:
        neurons: The result of `analysis.snapshots.neurons`; inactive neurons are pale and count for no line.
        ax: Axes to draw on; a new figure if None.
        lines: Take a direction and its opposite for one; False suits ReLU, for which they are not alike.
        field: The result of `analysis.snapshots.field`: arrows around the circle point along dw/dt of gradient flow for
            a > 0, neurons with a < 0 move the other way; dashed are the lines, or directions, that one or the other
            turn to. Of a flow with steps of its own, Adam say, it is not the flow that the neurons follow.

    Raises:
        NothingToDrawError: the neurons are not in two dimensions.
    """
    planar(neurons)
    ax = axes(ax)
    active = neurons[neurons["active"]]
    found = groups(coordinates(active), active["amplitude"].to_numpy(np.float64), lines=lines)
    noun = "line" if lines else "direction"
    ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor="0.8", lw=0.8))
    for place, (direction, share) in enumerate(zip(found.directions.T, found.shares, strict=True)):
        _ray(ax, direction, share, lines, None if place else f"{noun}, with its share of the amplitude")
    _points(ax, neurons)
    if field is not None:
        _velocities(ax, field, lines)
    ax.set(xlim=(-1.55, 1.55), ylim=(-1.55, 1.55), aspect="equal")
    ax.set(xlabel="weight (longest neuron: length 1)", ylabel="bias")
    count = f"{found.count} {noun}" if len(found) == 1 else f"{found.count} {noun}s"
    if field is not None:
        count += f", {len(_stable(field, lines))} stable in the field"
    ax.set_title(f"Neurons in the plane of weight and bias: {count}")
    legend_below(ax)
    return ax


def _ray(ax: Axes, direction: np.ndarray, share: float, both: bool, label: str | None) -> None:
    x, y = np.outer([-1.0 if both else 0.0, 1.0], direction).T
    ax.plot(x, y, color=LINE, lw=0.8 + 4 * share, alpha=0.6, label=label, zorder=2, solid_capstyle="butt")
    if share >= WRITTEN:
        place = 1.12 * direction
        ax.text(place[0], place[1], f"{share:.0%}", ha="center", va="center", fontsize="small", color=LINE)


def _stable(field: pd.DataFrame, lines: bool) -> np.ndarray:
    return stable(field["angle"].to_numpy(), field[["v_0", "v_1"]].to_numpy(), lines=lines)


def _velocities(ax: Axes, field: pd.DataFrame, lines: bool) -> None:
    """Draw every third velocity as an arrow of one length around the circle, and what is stable."""
    shown = field.iloc[::3]
    v = shown[["v_0", "v_1"]].to_numpy()
    v = v / np.linalg.norm(v, axis=1, keepdims=True).clip(np.finfo(float).tiny)
    place = 1.34 * np.stack([np.cos(shown["angle"]), np.sin(shown["angle"])])
    look: dict[str, Any] = {"color": "0.35", "scale": 9, "width": 0.0045, "pivot": "middle", "zorder": 1}
    ax.quiver(*place, *v.T, **look)
    label = "along $dw/dt$ of gradient flow, $a > 0$"
    ax.plot([], [], color="0.35", marker=r"$\rightarrow$", ms=12, ls="", label=label)
    noun = "line" if lines else "direction"
    for number, angle in enumerate(_stable(field, lines)):
        ends = np.outer([-1.22 if lines else 0.0, 1.22], [np.cos(angle), np.sin(angle)])
        named = None if number else f"{noun} that neurons of $a > 0$ or $a < 0$ turn to in it"
        ax.plot(*ends.T, color="0.2", ls="--", lw=0.9, label=named, zorder=2.5)


def _points(ax: Axes, neurons: pd.DataFrame) -> None:
    x, y = coordinates(neurons).T / (neurons["length"].max() or 1.0)
    active = neurons["active"].to_numpy(bool)
    many = len(neurons) > 300
    ax.scatter(x[active], y[active], s=12, color=FINAL, linewidths=0, label="neurons", zorder=3, rasterized=many)
    if not active.all():
        look: dict[str, Any] = {"s": 8, "color": FINAL, "alpha": 0.25, "linewidths": 0, "zorder": 1, "rasterized": many}
        ax.scatter(x[~active], y[~active], label="neurons that see no data point", **look)
