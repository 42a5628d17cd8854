"""Singular values of a product of factors while they are learned, and how its factors are ranked meanwhile."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.canvas import NothingToDrawError, axes, legend_below
from analysis.figures.curves import CLOCKS, clock
from analysis.figures.style import looks

__all__ = ["singular_values"]


def singular_values(curves: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the singular values of the product W_L ... W_1 over training, and lines and rank of its factors.

    On the axis to the right: over how many lines the rows of W_1 lie, and the effective rank of W_2.

    Arguments:
        curves: Moments of runs, the columns of the observable `product`; of several seeds the first is drawn.
        ax: Axes to draw on; a new figure if None.

    Raises:
        NothingToDrawError: the runs did not measure the product.
    """
    if "singular_1" not in curves or curves["singular_1"].isna().all():
        raise NothingToDrawError("no singular values to draw: add product to measure.observables")
    run = curves[curves["key"] == curves["key"].iloc[0]].sort_values("step")
    against = clock(run)
    ax = axes(ax)
    names = [name for name in run if str(name).startswith("singular_") and run[name].notna().any()]
    for number, (name, (colour, _)) in enumerate(zip(names, looks(len(names)), strict=True), start=1):
        ax.plot(run[against], run[name], color=colour, lw=1.8, label=f"singular value {number} of the product")
    beside = ax.twinx()
    look: dict[str, Any] = {"color": "0.45", "lw": 1.2}
    beside.plot(run[against], run["lines_w1"], ":", label="lines of the rows of $W_1$ (right)", **look)
    beside.plot(run[against], run["rank_w2"], "--", label="effective rank of $W_2$ (right)", **look)
    beside.set(ylabel="lines, effective rank", ylim=(0, None))
    for line in beside.get_lines():
        ax.plot([], [], line.get_linestyle(), label=line.get_label(), **look)
    ax.set(xlabel=CLOCKS[against][0], ylabel="singular values of the product", ylim=(0, None))
    ax.set_title("Singular values of the product of factors")
    legend_below(ax)
    return ax
