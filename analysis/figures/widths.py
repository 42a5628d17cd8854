"""Relative changes: RD against the width for some plane points, and over the plane at one width."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from analysis.figures import marks
from analysis.figures.canvas import NothingToDrawError, axes, entitle, legend_below
from analysis.figures.layout import line_coordinate
from analysis.figures.lines import value_line
from analysis.figures.maps import draw_map, write_values
from analysis.figures.quantity import NAMES, signed, symbol
from analysis.figures.quantity import relative_change as quantity_of
from analysis.figures.style import current, looks
from analysis.stats.exponents import usable
from analysis.tables import places
from analysis.tables.made import made, theory_of
from analysis.tables.reductions import widest
from condense.theory import behind

__all__ = ["chosen_points", "relative_change", "relative_change_map"]


def chosen_points(exponents: pd.DataFrame, block: str = "w", most: int = 7) -> pd.DataFrame:
    """Return some points with an exponent, along x: of the row nearest to y = 0 if there are two."""
    if f"S_{block}" not in exponents:
        return exponents.iloc[:0]
    x, y = places.axes(exponents)
    known = exponents.dropna(subset=f"S_{block}").sort_values([x, y])
    distance = known[y].abs()
    row = known[distance == distance.min()]
    points = row if len(row) >= 2 else known
    keep = np.unique(np.linspace(0, len(points) - 1, min(most, len(points))).round().astype(int))
    return points.iloc[keep]


def relative_change(runs: pd.DataFrame, exponents: pd.DataFrame, block: str = "w", ax: Axes | None = None) -> Axes:
    """Draw RD of a block against the width m on logarithmic axes, for a readable choice of plane points.

    Points are geometric means over seeds, bars one standard deviation of log RD over seeds, lines the fitted
    m^S, dashed lines the slope that the theory predicts, through the same middle.

    Raises:
        NothingToDrawError: no point has an exponent of this block.
    """
    points = chosen_points(exponents, block)
    if points.empty:
        raise NothingToDrawError(f"no exponent S_{block} to draw: it needs two widths or more at a plane point")
    ax = axes(ax)
    shades = current().map(np.linspace(0, 0.9, len(points)))
    for colour, (_, shape), (_, point) in zip(shades, looks(len(points)), points.iterrows(), strict=True):
        _draw_point(ax, _statistics(runs, point, block), point, block, {"color": colour, "marker": shape})
    if f"S_{block}_predicted" in points:
        ax.plot([], [], "--", color="0.3", lw=1, label=f"slope of the theory, {theory_of(exponents).name}")
    rd = symbol(r"\mathrm{RD}", block)
    _log_axes(ax, np.unique(runs["width"]))
    ax.set(xlabel="width $m$", ylabel=f"${rd}$")
    title = f"Relative change ${rd}$ of {NAMES.get(block, block)} against the width"
    bars = "geometric means over seeds, bars: standard deviation over seeds"
    entitle(ax, title, exponents, bars)
    legend_below(ax)
    return ax


def _log_axes(ax: Axes, widths: np.ndarray) -> None:
    ax.set(xscale="log", yscale="log")
    if len(widths) <= 8:
        ax.set_xticks(widths)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def _statistics(runs: pd.DataFrame, point: pd.Series[float], block: str) -> pd.DataFrame:
    """Return mean and standard deviation over seeds of log RD for each width of a point."""
    runs = usable(runs, block)
    here = np.logical_and.reduce([runs[name] == point[name] for name in places.point(runs)])
    logs = np.log(runs.loc[here, f"rd_{block}"])
    return pd.DataFrame(logs.groupby(runs.loc[here, "width"]).agg(["mean", "std"]))


def _draw_point(ax: Axes, table: pd.DataFrame, point: pd.Series[float], block: str, look: dict[str, Any]) -> None:
    width, mean, deviation = table.index.to_numpy(float), np.exp(table["mean"]), table["std"].fillna(0)
    bars = np.stack([mean - np.exp(table["mean"] - deviation), np.exp(table["mean"] + deviation) - mean])
    middle = np.exp(np.log(width).mean()), np.exp(table["mean"].mean())
    slope, low, high = (point[f"S_{block}{end}"] for end in ("", "_low", "_high"))
    given = f" [{signed(low)}, {signed(high)}]" if np.isfinite(low) else ""
    label = f"{places.written(point)}: ${symbol('S', block)}$ = {signed(slope)}{given}"
    ax.errorbar(width, mean, bars, ls="", ms=5, capsize=2, label=label, **look)
    ax.plot(width, middle[1] * (width / middle[0]) ** slope, "-", color=look["color"], lw=1.6)
    if f"S_{block}_predicted" in point:
        predicted = point[f"S_{block}_predicted"]
        ax.plot(width, middle[1] * (width / middle[0]) ** predicted, "--", color=look["color"], lw=1)


def relative_change_map(runs: pd.DataFrame, block: str = "w", ax: Axes | None = None) -> Axes:
    """Draw RD of a block over the plane at the largest width of each point, geometric mean over seeds.

    Raises:
        NothingToDrawError: no converged run has a relative change of this block.
    """
    runs, held = usable(runs, block), behind(runs)
    if runs.empty:
        raise NothingToDrawError(f"no relative change rd_{block} to draw: no run converged with one")
    wide, place = widest(runs), places.point(runs)
    frame = np.exp(np.log(wide[f"rd_{block}"]).groupby([wide[name] for name in place]).mean()).reset_index()
    frame = frame.assign(**made(runs))
    quantity = quantity_of(frame[f"rd_{block}"], block)
    ax = axes(ax)
    along = line_coordinate(frame)
    if along is not None:
        value_line(ax, frame, quantity, along)
        ax.set_yscale("log")
        return ax
    draw_map(ax, frame, quantity)
    marks.theory_line(ax, block, held)
    marks.mark_named(ax, held.plane)
    entitle(ax, quantity.title, frame)
    legend_below(ax)
    write_values(ax, frame, quantity)
    return ax
