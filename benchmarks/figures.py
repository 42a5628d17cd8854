"""Log-log figures of cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Spread

__all__ = ["Curve", "log_log"]

Curve = Mapping[float, Spread]
"""Measurements by the place on the axis."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Of Okabe and Ito, told apart by the colour-blind."""

MARKERS = "os^Dv*"


def log_log(
    curves: Mapping[str, Curve], path: Path, *, x: str, y: str, title: str, slope: int = 1, note: str = ""
) -> Path:
    """Draw medians with their extremes, and a line of this slope through the last point of the first curve."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for (label, curve), colour, marker in zip(curves.items(), COLOURS, MARKERS, strict=False):
        places = sorted(curve)
        medians = np.array([curve[place].median for place in places])
        low = medians - [min(curve[place].values) for place in places]
        high = [max(curve[place].values) for place in places] - medians
        axes.errorbar(places, medians, [low, high], color=colour, marker=marker, capsize=3, label=label)
    _reference(axes, next(iter(curves.values())), slope)
    axes.set(xscale="log", yscale="log", xlabel=x, ylabel=y)
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(which="major", color="0.9")
    axes.legend(frameon=False)
    if note:
        figure.supxlabel(note, fontsize=7, color="0.35", x=0.02, ha="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160)
    return path


def _reference(axes: Any, curve: Curve, slope: int) -> None:
    places: Sequence[float] = sorted(curve)
    ends = np.array([places[0], places[-1]], dtype=float)
    line = curve[places[-1]].median * (ends / ends[-1]) ** slope
    axes.plot(ends, line, color="0.5", linestyle="--", linewidth=1, label=f"slope {slope}")
