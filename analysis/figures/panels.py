"""Panels: several small axes in the place of one, with one legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["panels", "share_legend"]

_SIZE = (4.6, 3.6)  # inches a panel
_SQUARE = (4.4, 4.5)
_MARGIN = (1.2, 1.8)
_NARROW = 8.0


def panels(ax: Axes, count: int, columns: int = 4, square: bool = False) -> list[Axes]:
    """Put panels in rows in the place of axes, at most so many in a row, and make the figure large enough for them."""
    figure, spec = cast(Figure, ax.figure), ax.get_subplotspec()
    if spec is None:
        raise ValueError("panels take the place of axes of a grid: make them with figure.subplots()")
    width, height = _SQUARE if square else _SIZE
    rows = math.ceil(count / columns)
    columns = math.ceil(count / rows)
    figure.set_size_inches(width * columns + _MARGIN[0], height * rows + _MARGIN[1])
    grid = spec.subgridspec(rows, columns)
    ax.remove()
    return [figure.add_subplot(grid[place // columns, place % columns]) for place in range(count)]


def share_legend(axes: Sequence[Axes]) -> None:
    """Put one legend for all panels below the figure, an entry for each name that occurs in one of them."""
    entries: dict[str, Artist] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
        if (legend := ax.get_legend()) is not None:
            legend.remove()
    figure = cast(Figure, axes[0].figure)
    place: Any = "outside lower center"
    columns = 1 if figure.get_figwidth() < _NARROW else 2
    figure.legend(list(entries.values()), list(entries), loc=place, ncols=columns, frameon=False, fontsize=9)
