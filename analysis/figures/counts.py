"""Maps of counts of neurons over the plane at the largest width: clusters, and what is left when these are merged."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import marks
from analysis.figures.canvas import NothingToDrawError, axes, described, entitle, legend_below
from analysis.figures.layout import line_coordinate
from analysis.figures.lines import value_line
from analysis.figures.maps import draw_map, write_values
from analysis.figures.quantity import Quantity, clusters, effective_width
from analysis.tables.bounds import bounds, flags
from analysis.tables.made import theory_of
from analysis.tables.places import plane_of

__all__ = ["cluster_map", "effective_width_map"]


def cluster_map(exponents: pd.DataFrame, block: str = "w", ax: Axes | None = None) -> Axes:
    """Draw the cluster count at the largest width over the plane, with the theory line of a block.

    Raises:
        NothingToDrawError: no point has a cluster count.
    """
    if exponents["clusters"].isna().all():
        raise NothingToDrawError("no cluster count to draw: the runs did not measure it")
    prefix, meaning = bounds(flags(exponents))
    note = f"; {meaning}" if meaning else ""
    return _count_map(exponents, clusters(exponents["clusters"]), block, ax, note, prefix)


def effective_width_map(exponents: pd.DataFrame, block: str = "w", ax: Axes | None = None) -> Axes:
    """Draw the neurons left by merging at the largest width over the plane, with the theory line of a block.

    Raises:
        NothingToDrawError: no point has an effective width.
    """
    if "effective_width" not in exponents or exponents["effective_width"].isna().all():
        raise NothingToDrawError("no effective width to draw: add reduction to measure.observables")
    largest = exponents["reduction_error"].max()
    note = f"; the output on the data changes by at most {largest:.1g} of it"
    return _count_map(exponents, effective_width(exponents["effective_width"]), block, ax, note)


def _count_map(
    exponents: pd.DataFrame,
    quantity: Quantity,
    block: str,
    ax: Axes | None,
    note: str,
    prefix: pd.Series[str] | None = None,
) -> Axes:
    ax = axes(ax)
    along = line_coordinate(exponents)
    if along is not None:
        value_line(ax, exponents, quantity, along)
        ax.set_yscale("log")
        return ax
    draw_map(ax, exponents, quantity)
    marks.theory_line(ax, block, theory_of(exponents))
    marks.mark_unknown(ax, exponents, quantity.column, "no count: no run converged")
    marks.mark_named(ax, plane_of(exponents))
    marks.name_regimes(ax, exponents, block)
    entitle(ax, quantity.title, exponents, f"{described(exponents, intervals=False)}{note}")
    legend_below(ax)
    write_values(ax, exponents, quantity, prefix=prefix)
    return ax
