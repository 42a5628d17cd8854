"""Maps: a quantity over the plane, as cells where the points form a grid, as discs elsewhere."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.canvas import colour_bar, coordinate_labels, when_placed
from analysis.figures.layout import cells, edges, grid_part
from analysis.figures.quantity import Quantity
from analysis.figures.style import dots, font
from analysis.stats.line import scattered
from analysis.tables.places import axes, plain, plane_of

__all__ = ["draw_map", "write_values"]

_SIZE = 0.65  # of the numbers, by that of labels
_LOWER = 0.4  # the share of a cell's height that is left for its number below the marks
_EM = 0.62  # the mean width of a letter of these numbers over their size


def draw_map(ax: Axes, frame: pd.DataFrame, quantity: Quantity) -> None:
    """Draw cells for the grid part of a table and discs for the rest, with labels and colour bar."""
    grid = grid_part(frame)
    if len(grid):
        _draw_cells(ax, grid, quantity)
    shaded = _draw_triangles(ax, frame, quantity) if grid.empty else False
    _draw_points(ax, frame.drop(grid.index), quantity, edge="white" if shaded else "0.4")
    _keep_limits(ax)
    coordinate_labels(ax, plane_of(frame))
    colour_bar(ax, quantity)


def _draw_cells(ax: Axes, grid: pd.DataFrame, quantity: Quantity) -> None:
    x, y = axes(grid)
    table = grid.pivot_table(quantity.column, y, x, dropna=False)
    ax.pcolormesh(
        edges(table.columns.to_numpy(float)),
        edges(table.index.to_numpy(float)),
        np.ma.masked_invalid(table.to_numpy(float)),
        norm=quantity.norm,
        cmap=quantity.cmap,
        edgecolors="white",
        linewidth=0.3,
    )
    if len(table) <= 15:
        ax.set_yticks(table.index)


def _draw_triangles(ax: Axes, frame: pd.DataFrame, quantity: Quantity) -> bool:
    """Shade the plane between points that are no grid, linearly on their triangles; return whether there are such."""
    known = frame[plain(frame) & frame[quantity.column].notna()]
    if not scattered(known):
        return False
    values = known[quantity.column].astype(float)
    look: dict[str, Any] = {"norm": quantity.norm, "cmap": quantity.cmap, "rasterized": True}
    x, y = (known[name] for name in axes(known))
    ax.tripcolor(x, y, values, shading="gouraud", **look)
    return True


def _draw_points(ax: Axes, points: pd.DataFrame, quantity: Quantity, edge: str) -> None:
    known = points[points[quantity.column].notna()]
    unknown = points.drop(known.index)
    colours: dict[str, Any] = {"c": known[quantity.column], "norm": quantity.norm, "cmap": quantity.cmap}
    x, y = axes(points)
    ax.scatter(known[x], known[y], s=dots(90), edgecolors=edge, linewidths=0.8, zorder=3, **colours)
    ax.scatter(unknown[x], unknown[y], s=dots(110), c="none", edgecolors="0.6", zorder=3)


def _keep_limits(ax: Axes) -> None:
    """Keep what is drawn later, such as the theory line, from widening the view."""
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())


def write_values(ax: Axes, frame: pd.DataFrame, quantity: Quantity, prefix: pd.Series[str] | None = None) -> None:
    """Write the value of each cell into its lower part, upright if need be; nothing if one has no room."""
    grid = grid_part(frame).dropna(subset=quantity.column)
    texts = [quantity.written(value) for value in grid[quantity.column]]
    if prefix is not None:
        texts = [mark + text for mark, text in zip(prefix[grid.index], texts, strict=True)]
    when_placed(ax, partial(_write, ax, grid, quantity, texts))


def _write(ax: Axes, grid: pd.DataFrame, quantity: Quantity, texts: list[str]) -> None:
    scale = ax.transData.transform([[0, 0], [1, 1]])
    per_x, per_y = (scale[1] - scale[0]) * 72 / ax.figure.dpi
    sizes = [(cell.width * per_x, cell.height * per_y * _LOWER) for cell in cells(grid)]
    angles = [_angle(len(text), *size) for text, size in zip(texts, sizes, strict=True)]
    if None in angles:
        return
    colours = quantity.cmap(quantity.norm(grid[quantity.column].to_numpy(float)))
    for cell, text, angle, colour in zip(cells(grid), texts, angles, colours, strict=True):
        box = {"facecolor": colour, "edgecolor": "none", "pad": 0.6}
        place: dict[str, Any] = {"ha": "center", "va": "center", "rotation": angle, "zorder": 4}
        ax.text(
            *cell.at(0.5, 0.02 + _LOWER / 2),
            text,
            fontsize=font(_SIZE),
            color=readable_on(colour),
            bbox=box,
            **place,
        )


def _angle(letters: int, width: float, height: float) -> float | None:
    """Return how a text fits into a box given in points: level, upright, or not at all."""
    size = font(_SIZE)
    length = size * (_EM * letters + 0.15)
    if length <= width and height >= 1.2 * size:
        return 0.0
    return 90.0 if length <= height and width >= 1.2 * size else None


def readable_on(colour: np.ndarray) -> str:
    """Return black or white, whichever stands out on an RGBA colour."""
    return "black" if colour[:3] @ [0.299, 0.587, 0.114] > 0.5 else "white"
