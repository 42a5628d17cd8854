"""Marks on a map of the plane: theory line, measured zero, doubtful cells, named initialisations, regimes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from analysis.figures.canvas import when_placed
from analysis.figures.layout import Cell, Side, cells, grid_part
from analysis.figures.quantity import symbol
from analysis.figures.style import RED, dots, font
from analysis.stats.regimes import CRITICAL, measured
from analysis.tables.places import axes
from condense.planes import Plane
from condense.theory import Theory

__all__ = [
    "mark_critical",
    "mark_named",
    "mark_unconverged",
    "mark_unknown",
    "mark_unsettled",
    "mark_zero",
    "name_regimes",
    "outer_sides",
    "theory_line",
]

ROWS = 201
"""Places upwards at which the line of a theory is asked for, besides 0, where it may have a kink."""

_HALO = [withStroke(linewidth=2.5, foreground="white")]
_WORDS = 1.3  # the size of the regimes' names, by that of labels
_LETTER = 0.62 * _WORDS
_SHAPES = ("s", "D", "^", "v", "P")


def theory_line(ax: Axes, block: str, theory: Theory, dashes: str = "--") -> None:
    """Draw the boundary of the infinite-width theory over the rows in view, if there is one of this block."""
    if not theory.of(block):
        return
    low, high = ax.get_ylim()
    rows = np.unique([*np.linspace(low, high, ROWS), np.clip(0.0, low, high)])
    line = [theory.boundary(row, block) for row in rows]
    label = f"theory, {theory.name}, ${symbol('S', block)} = 0$, $m \\to \\infty$: ${theory.plane.line[block]}$"
    ax.plot(line, rows, dashes, color="black", lw=1.8, path_effects=_HALO, zorder=3.5, label=label)


def mark_zero(ax: Axes, boundary: pd.DataFrame, block: str) -> None:
    """Mark where each row goes through zero, with its interval."""
    x, y = axes(boundary)
    rows = boundary.dropna(subset=f"{x}_local")
    if rows.empty:
        return
    if rows["interpolation"].notna().any():
        _zero_line(ax, rows, block)
        return
    known = rows.dropna(subset=[f"{x}_local_low", f"{x}_local_high"])
    level = f", {rows['level'].iloc[0]:.0%} interval" if len(known) else ""
    level += "\n(no bar: a cell beside it has one seed)" if 0 < len(known) < len(rows) else ""
    ends: dict[str, Any] = {"colors": "black", "lw": 1.4, "path_effects": _HALO, "zorder": 5}
    ax.hlines(known[y], known[f"{x}_local_low"], known[f"{x}_local_high"], **ends)
    ax.scatter(
        rows[f"{x}_local"],
        rows[y],
        s=dots(32),
        c="white",
        clip_on=False,
        edgecolors="black",
        linewidths=1.2,
        zorder=6,
        label=rf"measured zero of ${symbol('S', block)}$ (interpolated){level}",
    )


def _zero_line(ax: Axes, rows: pd.DataFrame, block: str) -> None:
    """Draw a zero that is known for all y as a line, its intervals as a band."""
    x, y = axes(rows)
    low, high = rows[f"{x}_local_low"], rows[f"{x}_local_high"]
    if low.notna().any():
        label = f"{rows['level'].iloc[0]:.0%} interval of the measured zero"
        band: dict[str, Any] = {"facecolor": "white", "edgecolor": "black", "alpha": 0.6, "lw": 0.8, "zorder": 2.5}
        ax.fill_betweenx(rows[y], low, high, label=label, **band)
    line: dict[str, Any] = {"color": "black", "lw": 2.0, "path_effects": _HALO, "zorder": 5}
    name = rf"measured zero of ${symbol('S', block)}$ (through the points)"
    ax.plot(rows[f"{x}_local"], rows[y], label=name, **line)


def mark_critical(ax: Axes, frame: pd.DataFrame, block: str) -> None:
    """Outline the cells together, and ring the points, that are critical; put a ? on those whose interval says nothing.

    The regimes are those of `analysis.stats.regimes.measured`.
    """
    regimes = _measured(frame, block)
    boxes, points = _split(frame, regimes == "critical")
    label = f"critical at these widths:\ninterval contains 0, within $\\pm${CRITICAL:g}"
    if boxes:
        look: dict[str, Any] = {"colors": "black", "linewidths": 1.6, "zorder": 4.5}
        ax.add_collection(LineCollection(outer_sides(boxes), label=f"outlined: {label}", **look))
    if len(points):
        ax.scatter(*_at(points), s=dots(210), c="none", edgecolors="black", label=label)
    _mark_undetermined(ax, frame, (regimes == "undetermined") & frame[f"S_{block}_low"].notna())


def _mark_undetermined(ax: Axes, frame: pd.DataFrame, undetermined: pd.Series[bool]) -> None:
    boxes, points = _split(frame, undetermined)
    places = [cell.at(0.12, 0.84) for cell in boxes] + list(zip(*_at(points), strict=True))
    if places:
        label = f"undetermined at these widths:\ninterval contains 0, goes beyond $\\pm${CRITICAL:g}"
        look: dict[str, Any] = {"marker": "$?$", "c": "black", "linewidths": 0.4, "path_effects": _HALO, "zorder": 6}
        x, y = zip(*places, strict=True)
        ax.scatter(x, y, s=dots(42), label=label, **look)


def _measured(frame: pd.DataFrame, block: str) -> pd.Series[str]:
    return measured(frame[f"S_{block}_low"], frame[f"S_{block}_high"])


def outer_sides(boxes: list[Cell]) -> list[Side]:
    """Return the sides that only one of the cells has: the outline of their union."""
    count = Counter(side for cell in boxes for side in cell.sides())
    return [side for side, times in count.items() if times == 1]


def mark_unknown(ax: Axes, frame: pd.DataFrame, column: str, reason: str) -> None:
    """Hatch the cells, and ring the points, without a value, and say why in the legend."""
    _hatch(ax, frame, frame[column].isna(), reason, {"hatch": "////", "edgecolor": "0.55"})


def mark_unsettled(ax: Axes, frame: pd.DataFrame) -> None:
    """Hatch the cells, and ring the points, whose slope has not settled."""
    reason = "not settled: the slope moves with the width, or may yet"
    unsettled = ~frame["settled"] & frame["rungs"].ge(2)
    look: dict[str, Any] = {"hatch": "//", "edgecolor": "white"}
    _hatch(ax, frame, unsettled, None, look)
    if unsettled.any():  # white on the white of a legend would not be seen
        ax.add_patch(Rectangle((ax.get_xlim()[0], ax.get_ylim()[0]), 0, 0, lw=0, fc="0.5", label=reason, **look))


def _hatch(ax: Axes, frame: pd.DataFrame, chosen: pd.Series[bool], reason: str | None, look: dict[str, Any]) -> None:
    boxes, points = _split(frame, chosen)
    look = {"facecolor": "none", **look}
    for number, cell in enumerate(boxes):
        label = None if number else reason
        ax.add_patch(Rectangle((cell.left, cell.bottom), cell.width, cell.height, lw=0, label=label, **look))
    if len(points):
        label = None if boxes else reason
        ax.scatter(*_at(points), s=dots(110), zorder=3.2, label=label, **look)


def _split(frame: pd.DataFrame, chosen: pd.Series[bool]) -> tuple[list[Cell], pd.DataFrame]:
    """Return the chosen cells of the grid part of a table, and the chosen points outside of it."""
    grid = grid_part(frame)
    boxes = [cell for cell, here in zip(cells(grid), chosen[grid.index], strict=True) if here]
    return boxes, frame[chosen].drop(grid.index, errors="ignore")


def _at(points: pd.DataFrame) -> tuple[pd.Series[float], pd.Series[float]]:
    x, y = axes(points)
    return points[x], points[y]


def mark_unconverged(ax: Axes, frame: pd.DataFrame) -> None:
    """Put a triangle to the top of cells, or above points, some of whose runs are not used."""
    boxes, points = _split(frame, frame["converged"] < frame["runs"])
    low, high = ax.get_ylim()
    across, upwards = _at(points)
    places = [cell.at(0.5, 0.88) for cell in boxes] + list(zip(across, upwards + 0.03 * (high - low), strict=True))
    if places:
        x, y = zip(*places, strict=True)
        look: dict[str, Any] = {"marker": "v", "c": RED, "edgecolors": "white", "zorder": 5}
        ax.scatter(x, y, s=dots(30), label="some runs did not converge or failed (not used)", **look)


def mark_named(ax: Axes, plane: Plane) -> None:
    """Mark the places in view of the named initialisations, each with an entry of the legend."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    along, upwards = (axis.symbol for axis in plane.axes)
    for shape, ((x, y), names) in zip(_SHAPES, plane.named.items(), strict=False):
        if left <= x <= right and bottom <= y <= top:
            label = f"{names}: $({along}, {upwards}) = ({x:g}, {y:g})$"
            look: dict[str, Any] = {"marker": shape, "c": "#ff8c42", "edgecolors": "black", "linewidths": 0.8}
            ax.scatter(x, y, s=dots(42), clip_on=False, zorder=5.5, label=label, **look)


def name_regimes(ax: Axes, frame: pd.DataFrame, block: str) -> None:
    """Write linear and condensed over cells that were measured so, where a row has enough of them side by side."""
    grid = grid_part(frame)
    if len(grid) and f"S_{block}_low" in grid:
        when_placed(ax, partial(_name_regimes, ax, grid, block))


def _name_regimes(ax: Axes, grid: pd.DataFrame, block: str) -> None:
    regimes = _measured(grid, block).where(grid["converged"].eq(grid["runs"]), "marked")
    room = ax.get_window_extent().width * 72 / ax.figure.dpi
    for word in ("linear", "condensed"):
        need = font(_LETTER) * len(word) / room * np.ptp(ax.get_xlim())
        spans = [span for span in _spans(grid, regimes == word) if span.width >= need]
        if spans:
            widest = max(span.width for span in spans)
            roomy = [span for span in spans if span.width >= 0.7 * widest]
            place = roomy[len(roomy) // 2].at(0.5, 0.76)
            look: dict[str, Any] = {"fontsize": font(_WORDS), "style": "italic", "path_effects": _HALO, "zorder": 7}
            ax.text(*place, word, ha="center", va="center", **look)


def _spans(grid: pd.DataFrame, chosen: pd.Series[bool]) -> list[Cell]:
    """Return the rectangles that chosen cells side by side make, row by row."""
    rows: dict[float, list[Cell]] = {}
    for cell, here in sorted(zip(cells(grid), chosen, strict=True), key=lambda pair: (pair[0].bottom, pair[0].left)):
        row = rows.setdefault(cell.bottom, [])
        if here and row and row[-1].right == cell.left:
            row[-1] = replace(row[-1], right=cell.right)
        elif here:
            row.append(cell)
    return [span for row in rows.values() for span in row]
