"""Panels: several small axes in the place of one, of a common size."""

from __future__ import annotations

import math
from typing import cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style

__all__ = ["panels"]

_SIZE = (4.6, 3.6)  # inches a panel
_SQUARE = (4.4, 4.5)
_MARGIN = (1.2, 1.8)
_LEAST = 2.5  # inches that a panel takes at least


def panels(
    ax: Axes, count: int, columns: int = 4, square: bool = False, size: tuple[float, float] = _SIZE
) -> list[Axes]:
    """Put panels in rows in the place of axes, at most so many in a row, and make the figure large enough for them."""
    figure, spec = cast(Figure, ax.figure), ax.get_subplotspec()
    if spec is None:
        raise ValueError("panels take the place of axes of a grid: make them with figure.subplots()")
    width, height = _SQUARE if square else size
    if style.current().width is not None:
        columns = min(columns, max(int(style.size()[0] / max(_LEAST, 0.33 * width)), 1))
    rows = math.ceil(count / columns)
    columns = math.ceil(count / rows)
    inches = width * columns + _MARGIN[0], height * rows + _MARGIN[1]
    figure.set_size_inches(*style.size(*inches))
    grid = spec.subgridspec(rows, columns)
    ax.remove()
    return [figure.add_subplot(grid[place // columns, place % columns]) for place in range(count)]
