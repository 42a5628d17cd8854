"""Lines: a quantity along a single row or column of the plane, with intervals and the curve of the theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.canvas import coordinate_label, entitle, explained
from analysis.figures.quantity import Quantity, symbol
from analysis.figures.style import BLUE, ORANGE, RED
from analysis.tables.made import theory_of
from analysis.tables.places import fixed, plane_of

__all__ = ["exponent_line", "held", "value_line"]


def value_line(ax: Axes, frame: pd.DataFrame, quantity: Quantity, along: str) -> None:
    """Draw a quantity against the coordinate that varies."""
    points = frame.dropna(subset=quantity.column).sort_values(along)
    ax.plot(points[along], points[quantity.column], "o-", color=BLUE, ms=6, lw=0.8)
    ax.set(
        xlabel=coordinate_label(plane_of(frame), along),
        ylabel=quantity.label,
    )
    entitle(ax, quantity.title, frame, held(frame, along))


def held(frame: pd.DataFrame, along: str) -> str:
    """Say at which value the other coordinate is held."""
    other, name = fixed(frame, along)
    return f"${name} = {frame[other].iloc[0]:g}$"


def exponent_line(ax: Axes, frame: pd.DataFrame, block: str, along: str) -> None:
    """Draw the exponent with its intervals, zero, and the theory, against the coordinate that varies."""
    points = frame.dropna(subset=f"S_{block}").sort_values(along)
    value, low, high = (points[f"S_{block}{end}"] for end in ("", "_low", "_high"))
    ax.axhline(0, color="0.5", lw=0.8)
    error = np.nan_to_num(np.stack([value - low, high - value]).clip(min=0))
    level = f", {frame['level'].iloc[0]:.0%} interval over seeds" if low.notna().any() else ", no interval (one seed)"
    look: dict[str, Any] = {"fmt": "o", "color": BLUE, "ms": 6, "capsize": 3}
    ax.errorbar(points[along], value, error, label=f"measured{level}", **look)
    _theory_curve(ax, frame, block, along)
    _finite(ax, points, block, along)
    _unconverged(ax, points, block, along)
    ax.set_xlabel(coordinate_label(plane_of(frame), along))
    ax.set_ylabel(f"${symbol('S', block)}$")
    for y, word in ((0.98, explained("condensed", ": $S > 0$")), (0.02, explained("linear", ": $S < 0$"))):
        ax.text(1.01, y, word, transform=ax.transAxes, rotation=270, va="top" if y > 0.5 else "bottom")


def _theory_curve(ax: Axes, frame: pd.DataFrame, block: str, along: str) -> None:
    theory = theory_of(frame)
    if not theory.of(block):
        return
    low, high = frame[along].min(), frame[along].max()
    margin = 0.05 * (high - low) or 0.2
    values = np.linspace(low - margin, high + margin, 801)
    other = frame[fixed(frame, along)[0]].iloc[0]
    points = [(value, other) if along == theory.plane.columns[0] else (other, value) for value in values]
    curve = [theory.exponents(theory.plane.name, *point)[block] for point in points]
    ax.plot(values, curve, "--", color="black", lw=1.5, label=rf"theory, {theory.name}, $m \to \infty$")


def _finite(ax: Axes, points: pd.DataFrame, block: str, along: str) -> None:
    """Draw what theory says at the widths that were trained, where it says something."""
    column = f"S_{block}_finite"
    if column in points and points[column].notna().any():
        look: dict[str, Any] = {"marker": "D", "ls": ":", "color": ORANGE, "mfc": "none", "ms": 7, "lw": 1.4}
        ax.plot(points[along], points[column], label="theory at these widths, given $\\mathrm{RD}_a$", **look)


def _unconverged(ax: Axes, points: pd.DataFrame, block: str, along: str) -> None:
    doubtful = points[points["converged"] < points["runs"]]
    if len(doubtful):
        look: dict[str, Any] = {"marker": "v", "s": 130, "facecolors": "none", "edgecolors": RED}
        label = "some runs did not converge or failed (not used)"
        ax.scatter(doubtful[along], doubtful[f"S_{block}"], label=label, **look)
