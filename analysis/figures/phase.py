"""The phase diagram: the exponent of a block over the plane."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import marks
from analysis.figures.canvas import NothingToDrawError, axes, described, entitle, legend_below
from analysis.figures.layout import line_coordinate
from analysis.figures.lines import exponent_line, held
from analysis.figures.maps import draw_map, write_values
from analysis.figures.quantity import exponent
from analysis.tables.made import theory_of
from analysis.tables.places import plane_of

__all__ = ["phase_diagram"]


def phase_diagram(
    exponents: pd.DataFrame, boundary: pd.DataFrame | None = None, block: str = "w", ax: Axes | None = None
) -> Axes:
    """Draw the exponent S of a block over the plane, with the line of the theory and the measured zeros.

    Points that form a grid are cells of a map, others are discs; along a single row or column S is drawn
    against the coordinate that varies.

    Arguments:
        exponents: The table of `analysis.stats.exponents.Exponents`.
        boundary: The table of `analysis.stats.boundary.Boundary` for the same block; no zeros are marked without.
        block: Whose exponent: "w", "a", "theta" or a block of your own network.
        ax: Axes to draw on; a new figure if None.

    Raises:
        NothingToDrawError: no point has an exponent of this block.
    """
    quantity = exponent(block)
    if quantity.column not in exponents or exponents[quantity.column].isna().all():
        raise NothingToDrawError(f"no exponent {quantity.column} to draw: it needs two widths or more at a plane point")
    ax = axes(ax)
    along = line_coordinate(exponents)
    if along is not None:
        exponent_line(ax, exponents, block, along)
        entitle(ax, quantity.title, exponents, f"{held(exponents, along)}, {described(exponents)}")
        legend_below(ax)
        return ax
    draw_map(ax, exponents, quantity)
    _mark(ax, exponents, boundary, block)
    entitle(ax, quantity.title, exponents, described(exponents))
    legend_below(ax)
    write_values(ax, exponents, quantity)
    return ax


def _mark(ax: Axes, exponents: pd.DataFrame, boundary: pd.DataFrame | None, block: str) -> None:
    marks.theory_line(ax, block, theory_of(exponents))
    if boundary is not None:
        marks.mark_zero(ax, boundary, block)
    marks.mark_critical(ax, exponents, block)
    marks.mark_unknown(ax, exponents, f"S_{block}", "no exponent: fewer than two widths converged")
    marks.mark_unconverged(ax, exponents)
    marks.mark_named(ax, plane_of(exponents))
    marks.name_regimes(ax, exponents, block)
