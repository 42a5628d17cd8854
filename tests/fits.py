"""What does not fit in a figure: texts cut at its edges; names, numbers of axes, titles and legends that overlap."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from unittest.mock import patch

from matplotlib.backends.backend_agg import FigureCanvasAgg

from analysis import analyses
from analysis.cli import main
from analysis.figures import NothingToDrawError, style
from analysis.report import output
from analysis.report.catalogue import COMPARISONS, drawings
from analysis.report.options import Options
from analysis.report.output import drawn

NEAR = 2.0
"""Dots that letters may share, or stand out: boxes of texts are a little larger than what is seen of them."""


def misfits(figure) -> list[str]:
    """Return a line for each text that is cut or covered by another."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [(name, box) for name, box in _texts(figure, renderer) if box.width > 1 and box.height > 1]
    width, height = figure.bbox.width, figure.bbox.height
    cut = [
        f"{name} is cut"
        for name, box in boxes
        if box.x0 < -NEAR or box.y0 < -NEAR or box.x1 > width + NEAR or box.y1 > height + NEAR
    ]
    over = [
        f"{one} overlaps {other}"
        for (one, first), (other, second) in combinations(boxes, 2)
        if _shared(first, second) and not (one.startswith("tick") and other.startswith("tick"))
    ]
    return cut + over


def _shared(first, second) -> bool:
    across = min(first.x1, second.x1) - max(first.x0, second.x0)
    upright = min(first.y1, second.y1) - max(first.y0, second.y0)
    return across > NEAR and upright > NEAR


def _texts(figure, renderer):
    named = [(f"title {text.get_text()!r}", text) for text in figure.texts]
    for ax in figure.axes:
        named += [(f"title {ax.get_title()!r}", ax.title)]
        for axis in (ax.xaxis, ax.yaxis):
            named += [(f"label {axis.label.get_text()!r}", axis.label)]
            ticks = [tick for tick in axis.get_major_ticks() if _in_view(axis, tick.get_loc())]
            named += [(f"tick {tick.label1.get_text()!r}", tick.label1) for tick in ticks if tick.label1.get_visible()]
            named += [(f"tick {tick.label2.get_text()!r}", tick.label2) for tick in ticks if tick.label2.get_visible()]
        if ax.get_legend() is not None:
            yield "legend", ax.get_legend().get_window_extent(renderer)
    yield from ((name, text.get_window_extent(renderer)) for name, text in named if text.get_text())
    yield from (("legend", legend.get_window_extent(renderer)) for legend in figure.legends)


def _in_view(axis, place: float) -> bool:
    low, high = sorted(axis.get_view_interval())
    return low <= place <= high


def misfits_of(folder, **given) -> list[str]:
    """Return what does not fit in any figure of a sweep, in a style and of a width."""
    options = Options().changed(given, "test")
    found = analyses(folder)
    todo = [(name, draw) for analysis in found.values() for name, draw in drawings(analysis).items()]
    if len(found) > 1:
        todo += [(name, partial(figure.draw, found)) for name, figure in COMPARISONS.items()]
    return [f"{name}: {line}" for name, draw in todo for line in _drawn_misfits(name, draw, options)]


def misfits_written(told, *arguments) -> list[str]:
    """Run `python -m analysis` and return what does not fit in any figure that it or a process of its writes."""

    def checked(draw, name, options):
        figure, caption = drawn(draw, name, options)
        with told.open("a") as file:
            file.writelines(f"{line}\n" for line in (name, *(f"{name}: {misfit}" for misfit in misfits(figure))))
        return figure, caption

    with patch.object(output, "drawn", checked):
        assert main([*map(str, arguments)]) == 0
    return [line for line in told.read_text().splitlines() if ": " in line]


def _drawn_misfits(name, draw, options) -> list[str]:
    with style.use(options.style(name)):
        try:
            figure, _ = drawn(draw, name, options)
        except NothingToDrawError:
            return []
        return misfits(figure)
