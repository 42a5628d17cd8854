"""Output: the tables and figures of an analysis as files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import figures
from analysis.boundary import Boundary
from analysis.exponents import blocks, seed_slopes
from analysis.figures.canvas import SIZE, LaidOutOnce, lay_out
from analysis.intervals import Interval
from analysis.pipeline import Analysis

__all__ = ["FORMATS", "write"]

FORMATS = ("png", "svg")
_DPI = 200

Draw = Callable[[Axes], Axes]


def write(analysis: Analysis, folder: Path) -> list[Path]:
    """Write tables as CSV and figures as PNG and SVG, and return the files.

    A figure, or a table of reductions, that these runs do not allow is left out, and an older one removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [*_tables(analysis, folder), *_figures(analysis, folder)]


def _tables(analysis: Analysis, folder: Path) -> Iterator[Path]:
    for name in ("exponents", "boundary", "local_slopes"):
        path = folder / f"{name}.csv"
        getattr(analysis, name).to_csv(path, index=False)
        yield path
    path = folder / "reductions.csv"
    path.unlink(missing_ok=True)
    if len(analysis.reductions):
        analysis.reductions.to_csv(path, index=False)
        yield path


def _figures(analysis: Analysis, folder: Path) -> list[Path]:
    """Draw all figures, as many at a time as there are cores."""
    names = list(_drawings(analysis))
    processes = min(len(os.sched_getaffinity(0)), len(names))
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        drawn = list(pool.map(partial(_figure, analysis, folder), names))
    return [path for paths in drawn for path in paths]


def _figure(analysis: Analysis, folder: Path, name: str) -> list[Path]:
    paths = [folder / f"{name}.{suffix}" for suffix in FORMATS]
    figure = Figure(figsize=SIZE, dpi=_DPI, layout=LaidOutOnce())
    try:
        lay_out(_drawings(analysis)[name](figure.subplots()))
    except figures.NothingToDrawError:
        for path in paths:
            path.unlink(missing_ok=True)
        return []
    figure.set_layout_engine(None)  # saving would draw everything once more for it
    for path in paths:
        _save(figure, path)
    return paths


def _drawings(analysis: Analysis) -> dict[str, Draw]:
    runs, exponents, main = analysis.runs, analysis.exponents, analysis.block
    drawings: dict[str, Draw] = {"phase_diagram": _phase(analysis, main)}
    drawings |= {f"phase_diagram_{block}": _phase(analysis, block) for block in blocks(runs) if block != main}
    drawings["relative_change"] = lambda ax: figures.relative_change(runs, exponents, main, ax)
    drawings["relative_change_map"] = lambda ax: figures.relative_change_map(runs, main, ax)
    drawings["clusters"] = lambda ax: figures.cluster_map(exponents, main, ax)
    drawings["effective_width"] = lambda ax: figures.effective_width_map(exponents, main, ax)
    return drawings


def _phase(analysis: Analysis, block: str) -> Draw:
    def draw(ax: Axes) -> Axes:
        slopes = seed_slopes(analysis.runs, block) if block in blocks(analysis.runs) else None
        boundary = None if slopes is None else Boundary(Interval(analysis.level), block)(slopes)
        return figures.phase_diagram(analysis.exponents, boundary, block, ax)

    return draw


def _save(figure: Figure, path: Path) -> None:
    """Save a figure so that the same runs give the same bytes."""
    with mpl.rc_context({"svg.hashsalt": "condense"}):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
