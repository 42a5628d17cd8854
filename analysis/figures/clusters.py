"""The cluster map: how many directions the neurons keep, over the plane."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import marks
from analysis.figures.canvas import NothingToDrawError, axes, described, legend_below
from analysis.figures.layout import line_coordinate
from analysis.figures.lines import value_line
from analysis.figures.maps import draw_map, write_values
from analysis.figures.quantity import clusters

__all__ = ["cluster_map"]


def cluster_map(exponents: pd.DataFrame, block: str = "w", ax: Axes | None = None) -> Axes:
    """Draw the cluster count at the largest width over the plane, with the theory line of a block.

    Raises:
        NothingToDrawError: no point has a cluster count.
    """
    if exponents["clusters"].isna().all():
        raise NothingToDrawError("no cluster count to draw: the runs did not measure it")
    quantity = clusters(exponents["clusters"])
    ax = axes(ax)
    along = line_coordinate(exponents)
    if along is not None:
        value_line(ax, exponents, quantity, along)
        ax.set_yscale("log")
        return ax
    draw_map(ax, exponents, quantity)
    marks.theory_line(ax, block)
    marks.mark_unknown(ax, exponents, "clusters", "no count: no run converged")
    marks.mark_named(ax)
    marks.name_regimes(ax, exponents, block)
    capped = exponents["clusters_capped"]
    note = "; ≥: the count stopped at its cap" if capped.any() else ""
    ax.set_title(f"{quantity.title}\n{described(exponents, intervals=False)}{note}", fontsize=11)
    legend_below(ax)
    write_values(ax, exponents, quantity, prefix=capped.map({True: "≥", False: ""}))
    return ax
