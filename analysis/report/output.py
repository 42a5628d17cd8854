"""Output: the tables and figures of an analysis as files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser

from analysis import figures
from analysis.figures import NothingToDrawError, style
from analysis.figures.canvas import LaidOutOnce, lay_out
from analysis.over import Over
from analysis.pipeline import Analysis
from analysis.report.catalogue import ANIMATIONS, COMPARISONS, drawings
from analysis.report.options import Options
from analysis.tables.names import plain_name

__all__ = ["drawn", "write", "write_compared", "write_over"]

_INFINITE = ("infinite", "zero_line", "collapse")
_CAPTION = "txt"  # what a figure without a title does not say


def write(analysis: Analysis, folder: Path, options: Options | None = None) -> list[Path]:
    """Write tables as CSV and the figures of the catalogue, and return the files.

    A figure, or a table of reductions, virtual widths or losses, that these runs do not allow is left out, and an
    older one removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [*_tables(analysis, folder), *_figures(analysis, folder, options or Options())]


def write_compared(analyses: Mapping[str, Analysis], folder: Path, options: Options | None = None) -> list[Path]:
    """Write the figures that compare the settings of a sweep, and return the files; none of a single setting."""
    if len(analyses) < 2:
        return []
    named = COMPARISONS.items()
    written = (_figure(partial(figure.draw, analyses), folder, name, options or Options()) for name, figure in named)
    return [path for paths in written for path in paths]


def write_over(over: Over, folder: Path, options: Options | None = None) -> list[Path]:
    """Write a number over keys that were varied as a table and a figure, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    name = plain_name(over.file)
    over.table.to_csv(folder / f"{name}.csv", index=False)
    written = _figure(partial(figures.number_over, over), folder, name, options or Options())
    return [folder / f"{name}.csv", *written]


def _tables(analysis: Analysis, folder: Path) -> Iterator[Path]:
    for name in ("exponents", "boundary", "local_slopes"):
        path = folder / f"{name}.csv"
        getattr(analysis, name).to_csv(path, index=False)
        yield path
    for block in analysis.matrices:
        path = folder / f"boundary_{block}.csv"
        analysis.boundaries[block].to_csv(path, index=False)
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
    infinite, none = analysis.infinite, pd.DataFrame()
    if infinite is None:
        return dict.fromkeys(_INFINITE, none)
    return {"infinite": infinite.exponents, "zero_line": infinite.zero_line, "collapse": infinite.collapse}


_draw: Callable[[str], list[Path]]
"""In a process that draws: what draws a figure, by its name."""


def _figures(analysis: Analysis, folder: Path, options: Options) -> list[Path]:
    """Draw all figures, as many at a time as there are cores."""
    drawn_by = drawings(analysis)

    def draw(name: str) -> list[Path]:
        if name in ANIMATIONS:
            return _animation(analysis, folder / name)
        return _figure(drawn_by[name], folder, name, options)

    names = [*ANIMATIONS, *drawn_by]
    processes = min(len(os.sched_getaffinity(0)), len(names))
    with ProcessPoolExecutor(processes, get_context("fork"), _begin, (draw,)) as pool:
        return [path for paths in pool.map(_by_name, names) for path in paths]


def _begin(draw: Callable[[str], list[Path]]) -> None:
    """Prepare a process that was forked: the function is there already, as are the tables that it draws.

    Formulas set before the fork are forgotten: their fonts share the place in their files with all other processes'.
    Matplotlib forgets the fonts themselves at a fork, but not those of formulas that it remembers.
    """
    global _draw
    _draw = draw
    remembered: Any = getattr(MathTextParser, "_parse_cached", None)
    if remembered is not None:
        remembered.cache_clear()


def _by_name(name: str) -> list[Path]:
    return _draw(name)


def _animation(analysis: Analysis, path: Path) -> list[Path]:
    path.unlink(missing_ok=True)
    with style.use(style.STYLES["screen"]):
        try:
            ANIMATIONS[path.name](analysis, path)
        except NothingToDrawError:
            return []
    return [path]


def _figure(draw: Callable[[Axes], Axes], folder: Path, name: str, options: Options) -> list[Path]:
    """Write a figure and return its files; remove older ones of that name, in whatever format."""
    for suffix in (*FigureCanvasBase.filetypes, _CAPTION):
        if f"{name}.{suffix}" not in ANIMATIONS:
            (folder / f"{name}.{suffix}").unlink(missing_ok=True)
    with style.use(options.style(name)):
        try:
            figure, caption = drawn(draw, name, options)
        except NothingToDrawError:
            return []
        paths = [folder / f"{name}.{suffix}" for suffix in style.current().formats]
        for path in paths:
            figure.savefig(path, metadata=_NO_DATE.get(path.suffix))
    if caption:
        paths.append(folder / f"{name}.{_CAPTION}")
        paths[-1].write_text(f"{caption}\n", encoding="utf-8")
    return paths


def drawn(draw: Callable[[Axes], Axes], name: str, options: Options) -> tuple[Figure, str]:
    """Return a figure as it is saved, in the style in use, and what was its title if it is to have none.

    Raises:
        NothingToDrawError: the runs do not allow it.
    """
    figure = Figure(figsize=style.size(), layout=LaidOutOnce())
    ax = draw(figure.subplots())
    caption = options.apply(name, figure, ax)
    lay_out(ax)
    figure.set_layout_engine(None)  # saving would draw everything once more for it
    return figure, caption


_NO_DATE: Mapping[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""The same runs give the same bytes."""
