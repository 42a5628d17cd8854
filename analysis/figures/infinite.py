"""Infinite width: the diagram there beside a measured one, the zero line on its way, the collapse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import marks
from analysis.figures.canvas import NothingToDrawError, axes, described, entitle, legend_below, share_legend
from analysis.figures.layout import line_coordinate
from analysis.figures.panels import panels
from analysis.figures.phase import phase_diagram
from analysis.figures.quantity import symbol
from analysis.figures.style import RED, current, looks
from analysis.figures.widths import chosen_points
from analysis.stats import regimes
from analysis.stats.exponents import usable
from analysis.stats.ladder import climbed
from analysis.tables import places
from analysis.tables.made import theory_of

__all__ = ["collapse", "infinite_width", "zero_line"]

_WIDE = (7.9, 6.2)  # inches, of one of two diagrams side by side


def infinite_width(
    exponents: pd.DataFrame,
    boundary: pd.DataFrame,
    measured: pd.DataFrame,
    measured_boundary: pd.DataFrame,
    widths: str,
    block: str = "w",
    ax: Axes | None = None,
) -> Axes:
    """Draw the phase diagram of the widths that were measured, and beside it the one at infinite width.

    Arguments:
        exponents: `exponents` of `analysis.stats.infinite.Infinite`.
        boundary: `boundary` of the same.
        measured: The table of `analysis.stats.exponents.Exponents` for the diagram beside.
        measured_boundary: The table of `analysis.stats.boundary.Boundary` for the diagram beside.
        widths: Which widths these are, for its title.
        block: Whose exponent: "w", "a" or "theta".
        ax: Axes to draw on; a new figure if None.

    Raises:
        NothingToDrawError: no point has an exponent of this block, here or beside.
    """
    left, right = panels(axes(ax), 2, columns=2, size=_WIDE)
    phase_diagram(measured, measured_boundary, block, left)
    entitle(left, f"At widths {widths}", exponents, described(measured))
    frame = _as_measured(exponents, block)
    phase_diagram(frame, boundary, block, right)
    top = f"$m = 10^{{{np.log10(exponents['width_high'].max()):.3g}}}$"
    where = f"At infinite width, by the last slopes of ladders up to {top}"
    entitle(right, where, exponents, described(frame))
    if line_coordinate(frame) is None:
        marks.mark_unsettled(right, exponents)
    right.set_ylabel("")
    share_legend([left, right])
    return right


def _as_measured(exponents: pd.DataFrame, block: str) -> pd.DataFrame:
    """Return a table as that of real widths; of a point that has not settled no interval is to be outlined."""
    ends = [f"S_{block}_low", f"S_{block}_high"]
    known = exponents[ends].where(
        exponents["settled"] | ~regimes.measured(*(exponents[end] for end in ends)).eq("critical")
    )
    return exponents.assign(widths=exponents["rungs"], runs=1, converged=1, **known)


def zero_line(table: pd.DataFrame, block: str = "w", ax: Axes | None = None) -> Axes:
    """Draw how far the zero of the exponent between two widths lies from the line of the theory, against the width.

    Where no theory holds, the place of the zero.

    Arguments:
        table: `zero_line` of `analysis.stats.infinite.Infinite`.
        block: Whose exponent.
        ax: Axes to draw on; a new figure if None.

    Raises:
        NothingToDrawError: no row of the plane has a zero.
    """
    x, y = places.plane_of(table).axes
    known = table.dropna(subset=x.column)
    if known.empty:
        raise NothingToDrawError("no zero line to draw: no row of the plane has a zero")
    ax, theory = axes(ax), theory_of(known)
    rows = np.unique(known[y.column])
    shades = current().map(np.linspace(0, 0.9, len(rows)))
    for colour, (_, shape), value in zip(shades, looks(len(rows)), rows.tolist(), strict=True):
        row = known[known[y.column] == value]
        zero, low, high = (row[f"{x.column}{end}"] for end in ("", "_low", "_high"))
        off = zero - (row[f"{x.column}_theory"] if theory else 0.0)
        ends = [zero - low, high - zero]
        look: dict[str, Any] = {"color": colour, "ms": 5, "capsize": 3, "lw": 1.3}
        name = f"${y.symbol} = {value:g}$"
        ax.errorbar(row["width"], off, np.nan_to_num(ends).clip(min=0), fmt=f"{shape}-", label=name, **look)
    if theory:
        ax.axhline(0, ls="--", color="black", lw=1.5, label=rf"theory, {theory.name}, $m \to \infty$")
    ax.set_xscale("log")
    less = f" $-$ ${x.symbol}$ of the theory" if theory else ""
    ax.set(xlabel="width $m$ (geometric mean of the two)", ylabel=f"${x.symbol}$ of the measured zero{less}")
    barred = known[f"{x.column}_low"].notna().any()
    level = f"bars: {known['level'].iloc[0]:.0%} intervals over seeds" if barred else "one seed"
    title = f"Where ${symbol('S', block)} = 0$ between two neighbouring widths, and where it tends to"
    entitle(ax, title, known, level)
    legend_below(ax)
    return ax


def collapse(
    runs: pd.DataFrame,
    tests: pd.DataFrame,
    compared: pd.DataFrame,
    verdicts: pd.DataFrame,
    block: str = "w",
    ax: Axes | None = None,
) -> Axes:
    """Draw RD against the width by several numbers of neurons, and the ratios of what they give.

    Arguments:
        runs: `runs` of `analysis.stats.infinite.Infinite`: those by the largest number of neurons.
        tests: `tests` of the same: those by the others.
        compared: `collapse` of the same.
        verdicts: `verdicts` of the same.
        block: Whose relative change.
        ax: Axes to draw on; a new figure if None.

    Raises:
        NothingToDrawError: no place was computed by two numbers of neurons.
    """
    if compared.empty:
        raise NothingToDrawError("no collapse to draw: no place was computed by two numbers of neurons")
    left, right = panels(axes(ax), 2, columns=2, size=(6.4, 4.8))
    _curves(left, runs, tests, block)
    _ratios(right, runs, compared, verdicts, block)
    share_legend([left, right])
    return right


def _curves(ax: Axes, runs: pd.DataFrame, tests: pd.DataFrame, block: str) -> None:
    """Draw RD of some plane points against the width: a line by the largest number, marks by the others."""
    column = f"rd_{block}"
    place = places.point(runs)
    runs, tests = (climbed(each, [*place, "neurons"]) for each in (runs, tests))
    points = chosen_points(usable(runs, block).drop_duplicates(place).assign(**{f"S_{block}": 0.0}), block)
    shades = current().map(np.linspace(0, 0.9, len(points)))
    for colour, (_, point) in zip(shades, points.iterrows(), strict=True):
        name = places.written(point)
        line = _means(runs, point, column)
        ax.plot(line.index, line, color=colour, lw=2, label=f"{name}: {point['neurons']} neurons")
        for marker, (_, fewer) in zip("ods^v", tests.groupby("neurons"), strict=False):
            mark = _means(fewer, point, column)
            ax.plot(mark.index, mark, marker, color=colour, mec="black", mfc="none", ms=7)
    for marker, count in zip("ods^v", np.unique(tests["neurons"]), strict=False):
        ax.plot([], [], marker, color="0.3", mec="black", mfc="none", label=f"{count} neurons, another draw")
    ax.set(xscale="log", yscale="log", xlabel="width $m$", ylabel=f"${symbol(chr(92) + 'mathrm{RD}', block)}$")
    entitle(ax, "The same width by different numbers of neurons", runs, "(geometric means over seeds)")


def _means(runs: pd.DataFrame, point: pd.Series[Any], column: str) -> pd.Series[float]:
    table = runs[np.logical_and.reduce([runs[name] == point[name] for name in places.point(runs)])]
    means: pd.Series[float] = np.exp(np.log(table[column]).groupby(table["width"]).mean())
    return means


def _ratios(ax: Axes, runs: pd.DataFrame, compared: pd.DataFrame, verdicts: pd.DataFrame, block: str) -> None:
    """Draw the ratio of RD by two numbers of neurons against RD, with two standard errors."""
    column = f"rd_{block}"
    known, place = usable(runs, block), [*places.point(runs), "width"]
    level = np.exp(np.log(known[column]).groupby([known[name] for name in place]).mean())
    table = compared.join(level, on=place).sort_values(column)
    colours = current().map(np.linspace(0.2, 0.8, len(verdicts)))
    for colour, (_, verdict) in zip(colours, verdicts.iterrows(), strict=True):
        rows = table[(table["neurons"] == verdict["neurons"]) & (table["against"] == verdict["against"])]
        ratio = np.exp(rows["difference"].to_numpy())
        ends = ratio * np.exp([[-2], [2]] * rows["error"].to_numpy())
        label = f"{verdict['neurons']} over {verdict['against']} neurons: the collapse {verdict['verdict']}"
        ax.vlines(rows[column], *ends, color=colour, lw=0.7, alpha=0.35)
        ax.plot(rows[column], ratio, "o", ms=3, color=colour, label=f"{label} (bars: two standard errors)")
        failed = rows[rows["fails"]]
        ax.plot(failed[column], np.exp(failed["difference"]), "x", ms=9, mew=2, color=RED)
    if compared["fails"].any():
        ax.plot([], [], "x", ms=9, mew=2, color=RED, label="differs by more than chance allows")
    ax.axhline(1, ls="--", color="black", lw=1.2)
    rd, most = symbol(r"\mathrm{RD}", block), " or ".join(map(str, compared["against"].unique()))
    ax.set(xscale="log", xlabel=f"${rd}$ by {most} neurons", ylabel=f"${rd}$ by fewer neurons over ${rd}$ by {most}")
    ax.set_title("Their ratio at every plane point and width: 1 where the number does not matter")
