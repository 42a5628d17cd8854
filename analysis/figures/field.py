"""The direction field: neurons of one input as points of the plane of weight and bias, and the lines they lie on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from analysis.directions import groups
from analysis.figures.canvas import axes, legend_below
from analysis.figures.orientation import FINAL, planar
from analysis.snapshots import coordinates

__all__ = ["direction_field"]

LINE = "#33517e"

WRITTEN = 0.03
"""The least share that is written."""


def direction_field(neurons: pd.DataFrame, ax: Axes | None = None, lines: bool = True) -> Axes:
    """Draw each neuron at (weight, bias), the longest at length 1, with the lines that cover them.

    Lines, or directions as rays from the origin, are those of the rule of clusters, by amplitude. Each is as thick as
    its share of the amplitude, which is written at its end if it is 3 % or more.

    Arguments:
        neurons: The result of `analysis.snapshots.neurons`; inactive neurons are pale and count for no line.
        ax: Axes to draw on; a new figure if None.
        lines: Take a direction and its opposite for one; False suits ReLU, for which they are not alike.

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
    ax.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
    ax.set(xlabel="weight (longest neuron: length 1)", ylabel="bias")
    count = f"{len(found)} {noun}" if len(found) == 1 else f"{len(found)} {noun}s"
    ax.set_title(f"Neurons in the plane of weight and bias: {count}", fontsize=11)
    legend_below(ax)
    return ax


def _ray(ax: Axes, direction: np.ndarray, share: float, both: bool, label: str | None) -> None:
    x, y = np.outer([-1.0 if both else 0.0, 1.0], direction).T
    ax.plot(x, y, color=LINE, lw=0.8 + 4 * share, alpha=0.6, label=label, zorder=2, solid_capstyle="butt")
    if share >= WRITTEN:
        place = 1.15 * direction
        ax.text(place[0], place[1], f"{share:.0%}", ha="center", va="center", fontsize=8.5, color=LINE)


def _points(ax: Axes, neurons: pd.DataFrame) -> None:
    x, y = coordinates(neurons).T / (neurons["length"].max() or 1.0)
    active = neurons["active"].to_numpy(bool)
    many = len(neurons) > 300
    ax.scatter(x[active], y[active], s=12, color=FINAL, linewidths=0, label="neurons", zorder=3, rasterized=many)
    if not active.all():
        look: dict[str, Any] = {"s": 8, "color": FINAL, "alpha": 0.25, "linewidths": 0, "zorder": 1, "rasterized": many}
        ax.scatter(x[~active], y[~active], label="neurons that see no data point", **look)
