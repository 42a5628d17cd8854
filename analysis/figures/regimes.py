"""The regimes of two blocks of parameters in one map: which of them are linear, which condensed."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle

from analysis.figures import marks
from analysis.figures.canvas import NothingToDrawError, axes, coordinate_labels, described, entitle, legend_below
from analysis.figures.layout import edges, grid_part
from analysis.figures.quantity import symbol
from analysis.stats.regimes import measured
from analysis.tables.made import theory_of
from analysis.tables.places import axes as columns
from analysis.tables.places import plane_of

__all__ = ["regime_map"]

_COLOURS = ("#2e60b0", "#e8a33d", "#7fb8a4", "#fff0a0", "#d5d5d5")
"""Of linear-linear, condensed-linear, linear-condensed, condensed-condensed, and of what is not decided."""


def regime_map(exponents: pd.DataFrame, blocks: tuple[str, str] = ("w1", "w2"), ax: Axes | None = None) -> Axes:
    """Draw which of two blocks are linear and which condensed over the plane, as their intervals say.

    A cell is decided where the intervals of both exponents exclude 0.

    Arguments:
        exponents: The table of `analysis.stats.exponents.Exponents`.
        blocks: The two blocks.
        ax: Axes to draw on; a new figure if None.

    Raises:
        NothingToDrawError: the points are no grid, or a block has no exponents.
    """
    grid = grid_part(exponents)
    for block in blocks:
        if f"S_{block}_low" not in exponents or exponents[f"S_{block}_low"].isna().all():
            raise NothingToDrawError(f"no regimes of {' and '.join(blocks)} to draw: {block} has no intervals")
    if grid.empty:
        raise NothingToDrawError("no map of regimes to draw: the plane points are no grid")
    ax = axes(ax)
    x, y = columns(grid)
    regimes = [measured(grid[f"S_{block}_low"], grid[f"S_{block}_high"]) for block in blocks]
    pairs = [*product(("linear", "condensed"), repeat=2)]
    order = {pair: number for number, pair in enumerate([(first, second) for second, first in pairs])}
    kinds = [order.get(pair, len(order)) for pair in zip(*regimes, strict=True)]
    table = grid.assign(kind=kinds).pivot_table("kind", y, x, dropna=False)
    ax.pcolormesh(
        *(edges(each.to_numpy(float)) for each in (table.columns, table.index)),
        np.ma.masked_invalid(table.to_numpy(float)),
        cmap=ListedColormap(_COLOURS),
        vmin=-0.5,
        vmax=len(_COLOURS) - 0.5,
        edgecolors="white",
        linewidth=0.3,
    )
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())
    coordinate_labels(ax, plane_of(grid))
    for block, dashes in zip(blocks, ("--", ":"), strict=True):
        marks.theory_line(ax, block, theory_of(exponents), dashes)
    marks.mark_unconverged(ax, grid)
    marks.mark_named(ax, plane_of(exponents))
    first, second = blocks
    told = [f"{first} {one}, {second} {two}" for one, two in order]
    shown = [
        (kind, label) for kind, label in enumerate([*told, "not decided: an interval contains 0"]) if kind in kinds
    ]
    corner = ax.get_xlim()[0], ax.get_ylim()[0]
    for kind, label in shown:
        ax.add_patch(Rectangle(corner, 0, 0, facecolor=_COLOURS[kind], edgecolor="0.4", label=label))
    names = " and ".join(f"${symbol('S', block)}$" for block in blocks)
    entitle(ax, f"Regimes by the signs of {names}", exponents, described(exponents))
    legend_below(ax)
    return ax
