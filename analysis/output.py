"""Output: the tables and figures of an analysis as files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser

from analysis import figures, training
from analysis.boundary import Boundary
from analysis.exponents import blocks, seed_slopes
from analysis.figures.canvas import SIZE, LaidOutOnce, lay_out
from analysis.infinite import Infinite
from analysis.intervals import Interval
from analysis.names import plain_name
from analysis.over import Over
from analysis.pipeline import Analysis
from condense.theory import behind

__all__ = ["FORMATS", "write", "write_compared", "write_over"]

FORMATS = ("png", "svg")
_DPI = 200
_ANIMATED = "orientation.gif"
_INFINITE = ("infinite", "zero_line", "collapse")

_own_look = mpl.rc_context({"text.usetex": False, "svg.hashsalt": "condense"})
"""Formulas are of mathtext, whatever a matplotlibrc says, and the same runs give the same bytes."""

Draw = Callable[[Axes], Axes]


@_own_look
def write(analysis: Analysis, folder: Path) -> list[Path]:
    """Write tables as CSV and figures as PNG and SVG, and return the files.

    A figure, or a table of reductions, virtual widths or losses, that these runs do not allow is left out, and an
    older one removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [*_tables(analysis, folder), *_figures(analysis, folder)]


@_own_look
def write_compared(found: Mapping[str, Analysis], folder: Path) -> list[Path]:
    """Write the figures that compare the settings of a sweep, and return the files; none of a single setting."""
    if len(found) < 2:
        return []
    runs = pd.concat([analysis.runs for analysis in found.values()], ignore_index=True)
    snapshots = {label: analysis.snapshots for label, analysis in found.items()}
    curves = {label: analysis.curves for label, analysis in found.items()}
    drawings = training.compared(runs, snapshots, curves, next(iter(found.values())).level)
    return [path for name in training.NAMES for path in _figure(drawings.get(name), folder, name)]


@_own_look
def write_over(found: Over, folder: Path) -> list[Path]:
    """Write a number over keys that were varied as a table and a figure, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    name = plain_name(found.file)
    found.table.to_csv(folder / f"{name}.csv", index=False)
    return [folder / f"{name}.csv", *_figure(lambda ax: figures.number_over(found, ax), folder, name)]


def _tables(analysis: Analysis, folder: Path) -> Iterator[Path]:
    for name in ("exponents", "boundary", "local_slopes"):
        path = folder / f"{name}.csv"
        getattr(analysis, name).to_csv(path, index=False)
        yield path
    optional = {"reductions": analysis.reductions, "exponents_by_loss": analysis.exponents_by_loss}
    for name, table in {**optional, **_infinite_tables(analysis)}.items():
        path = folder / f"{name}.csv"
        path.unlink(missing_ok=True)
        if len(table):
            table.to_csv(path, index=False)
            yield path


def _infinite_tables(analysis: Analysis) -> dict[str, pd.DataFrame]:
    """Return the tables of virtual widths by the names of their files, empty ones where there are none."""
    found, none = analysis.infinite, pd.DataFrame()
    if found is None:
        return dict.fromkeys(_INFINITE, none)
    return {"infinite": found.exponents, "zero_line": found.zero_line, "collapse": found.collapse}


def _figures(analysis: Analysis, folder: Path) -> list[Path]:
    """Draw all figures, as many at a time as there are cores."""
    drawings = _drawings(analysis)
    gone = [name for name in training.NAMES if name not in drawings]
    names = [_ANIMATED, *drawings]
    processes = min(len(os.sched_getaffinity(0)), len(names))
    with ProcessPoolExecutor(processes, get_context("fork"), _forget_formulas) as pool:
        drawn = list(pool.map(partial(_drawn, analysis, folder), names))
    return [path for paths in [*drawn, *(_figure(None, folder, name) for name in gone)] for path in paths]


def _forget_formulas() -> None:
    """Forget formulas set before the fork: their fonts share the place in their files with all other processes'.

    Matplotlib forgets the fonts themselves at a fork, but not those of formulas that it remembers.
    """
    remembered: Any = getattr(MathTextParser, "_parse_cached", None)
    if remembered is not None:
        remembered.cache_clear()


def _drawn(analysis: Analysis, folder: Path, name: str) -> list[Path]:
    """Draw a figure by its name: functions do not travel between processes."""
    if name != _ANIMATED:
        return _figure(_drawings(analysis)[name], folder, name)
    return training.animated(analysis.snapshots, folder / _ANIMATED)


def _figure(draw: Draw | None, folder: Path, name: str) -> list[Path]:
    """Write a figure and return its files; remove older ones of that name if there is nothing to draw."""
    paths = [folder / f"{name}.{suffix}" for suffix in FORMATS]
    figure = Figure(figsize=SIZE, dpi=_DPI, layout=LaidOutOnce())
    try:
        if draw is None:
            raise figures.NothingToDrawError
        lay_out(draw(figure.subplots()))
    except figures.NothingToDrawError:
        for path in paths:
            path.unlink(missing_ok=True)
        return []
    figure.set_layout_engine(None)  # saving would draw everything once more for it
    for path in paths:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    return paths


def _drawings(analysis: Analysis) -> dict[str, Draw]:
    runs, exponents, main = analysis.runs, analysis.exponents, analysis.block
    drawings: dict[str, Draw] = {"phase_diagram": _phase(analysis, main)}
    drawings |= {f"phase_diagram_{block}": _phase(analysis, block) for block in blocks(runs) if block != main}
    drawings["relative_change"] = lambda ax: figures.relative_change(runs, exponents, main, ax)
    drawings["relative_change_map"] = lambda ax: figures.relative_change_map(runs, main, ax)
    drawings["clusters"] = lambda ax: figures.cluster_map(exponents, main, ax)
    by_loss = analysis.exponents_by_loss
    drawings["exponent_by_loss"] = lambda ax: figures.exponent_by_loss(by_loss, exponents, main, ax)
    drawings["effective_width"] = lambda ax: figures.effective_width_map(exponents, main, ax)
    drawings |= (
        dict.fromkeys(_INFINITE, _nothing) if analysis.infinite is None else _infinite(analysis, analysis.infinite)
    )
    return drawings | training.drawings(runs, analysis.snapshots, analysis.curves, analysis.level)


def _infinite(analysis: Analysis, found: Infinite) -> dict[str, Draw]:
    """Return the figures of virtual widths."""
    real = not analysis.runs["virtual"].any()
    beside = (analysis.exponents, analysis.boundary) if real else (found.first, found.first_boundary)
    widths = np.unique(analysis.runs["width"])[: None if real else 2]
    told, main = f"{widths[0]:g} to {widths[-1]:g}", analysis.block
    return {
        "infinite": lambda ax: figures.infinite_width(found.exponents, found.boundary, *beside, told, main, ax),
        "zero_line": lambda ax: figures.zero_line(found.zero_line, main, ax),
        "collapse": lambda ax: figures.collapse(found.runs, found.tests, found.collapse, found.verdicts, main, ax),
    }


def _nothing(ax: Axes) -> Axes:
    raise figures.NothingToDrawError


def _phase(analysis: Analysis, block: str) -> Draw:
    def draw(ax: Axes) -> Axes:
        slopes = seed_slopes(analysis.runs, block) if block in blocks(analysis.runs) else None
        boundary = None if slopes is None else Boundary(Interval(analysis.level), block, behind(analysis.runs))(slopes)
        return figures.phase_diagram(analysis.exponents, boundary, block, ax)

    return draw
