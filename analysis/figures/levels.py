"""Exponents against the loss: how S changes while the networks train, from the first fall of the loss to the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.canvas import NothingToDrawError, axes, entitle, legend_below
from analysis.figures.quantity import NAMES, symbol
from analysis.figures.style import current
from analysis.tables import places
from analysis.tables.made import theory_of
from condense.theory import early

__all__ = ["exponent_by_loss"]

MOST = 10
"""Points that are told apart by their colours and shapes."""

END = 0.0
"""The loss that stands for the end of training."""

_SHAPES = "os^vDP<>X*"


def exponent_by_loss(
    table: pd.DataFrame, exponents: pd.DataFrame, block: str = "w", ax: Axes | None = None, most: int = MOST
) -> Axes:
    """Draw S of a block over all widths against the loss at which it is read, a line a plane point.

    The last mark of a line is S at the end of training; a dashed line is the closed form of the initial stage, where
    there is one. It holds to the end but where the loss may have a plateau (`condense.planes.Plane.plateau`).

    Arguments:
        table: The result of `analysis.stats.levels.LossExponents`.
        exponents: The result of `analysis.stats.exponents.Exponents`, for the end of training.
        block: The block of parameters.
        ax: Axes to draw on; a new figure if None.
        most: The number of plane points at most, evenly chosen along x if there are more.

    Raises:
        NothingToDrawError: no point has an exponent of this block at a loss.
    """
    known = _over_all(table, block)
    if known.empty:
        raise NothingToDrawError(f"no exponent S_{block} by loss: choose snapshots.losses and two widths or more")
    x, y = places.axes(known)
    points = known[places.point(known)].drop_duplicates().sort_values([x, y])
    chosen = np.unique(np.linspace(0, len(points) - 1, min(most, len(points))).round().astype(int))
    ax, theory = axes(ax), early(theory_of(exponents))
    losses = np.sort(known["loss"].unique())[::-1]
    steps = {loss: step for step, loss in enumerate([*losses, END])}
    rows, columns = (np.unique(points[name]).tolist() for name in (x, y))
    for number, (_, point) in enumerate(points.iloc[chosen].iterrows()):
        found = pd.concat([_at(known, point), _at(exponents, point).assign(loss=END)]).dropna(subset=f"S_{block}")
        shift = 0.3 * (number / max(len(chosen) - 1, 1) - 0.5)  # so that bars do not hide each other
        found = found.assign(place=found["loss"].map(steps) + shift).sort_values("place")
        shade = columns.index(point[y]) / max(len(columns) - 1, 1)
        shape = _SHAPES[rows.index(point[x]) % len(_SHAPES)]
        colour = current().map(0.88 * shade)
        _draw(ax, found, block, point, {"color": colour, "marker": shape})
        if theory.of(block):
            ax.axhline(theory.exponents(*point)[block], ls="--", lw=1, color=colour, zorder=1)
    if theory.of(block):
        ax.plot([], [], "--", color="0.3", lw=1, label=f"closed form of the theory, {theory.name}")
    ax.set_xticks(range(len(steps)), [*(f"{loss:g}" for loss in losses), "end"])
    ax.set_xlabel("loss: share of the first mean square residual   (training goes to the right)")
    low, high = known["width_low"].min(), known["width_high"].max()
    ax.set_ylabel(f"${symbol('S', block)}$ over the widths {low:g} to {high:g}")
    title = f"Exponent of the relative change of {NAMES.get(block, block)} while the loss falls"
    level = f"{known['level'].iloc[0]:.0%} intervals over seeds"
    entitle(ax, title, exponents, level)
    legend_below(ax)
    return ax


def _over_all(table: pd.DataFrame, block: str) -> pd.DataFrame:
    """Return the rows over the most widths of each point and loss that have an exponent of the block."""
    if f"S_{block}" not in table:
        return pd.DataFrame(columns=[*places.point(table), "loss"])
    known = table.dropna(subset=f"S_{block}")
    span = known["width_high"] / known["width_low"]
    return known[span == span.groupby([known[name] for name in [*places.point(known), "loss"]]).transform("max")]


def _at(frame: pd.DataFrame, point: pd.Series[Any]) -> pd.DataFrame:
    return frame[np.logical_and.reduce([frame[name] == value for name, value in point.items()])]


def _draw(ax: Axes, rows: pd.DataFrame, block: str, point: pd.Series[Any], look: dict[str, Any]) -> None:
    value, low, high = (rows[f"S_{block}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
    bars = np.nan_to_num(np.stack([value - low, high - value]))
    ax.errorbar(rows["place"], value, bars, label=places.written(point), ms=5.5, lw=1.4, capsize=2, **look)
