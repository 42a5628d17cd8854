"""Layout: whether plane points form a grid, a line or neither, and the cells of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.stats.line import fills
from analysis.tables.places import axes, plain

__all__ = ["Cell", "Side", "cells", "edges", "grid_part", "line_coordinate"]

Values = NDArray[np.float64]

Side = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Cell:
    """The rectangle of a plane point in a map."""

    left: float
    right: float
    bottom: float
    top: float

    @property
    def width(self) -> float:
        """Extent along x."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Extent along y."""
        return self.top - self.bottom

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place at these fractions of the width and the height."""
        return self.left + x * self.width, self.bottom + y * self.height

    def sides(self) -> tuple[Side, Side, Side, Side]:
        """Return the two level and the two upright sides, each from its lower or left end."""
        corners = [(x, y) for y in (self.bottom, self.top) for x in (self.left, self.right)]
        pairs = ((0, 1), (2, 3), (0, 2), (1, 3))
        lower, upper, left, right = ((corners[start], corners[end]) for start, end in pairs)
        return lower, upper, left, right


def grid_part(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the plain plane points if they form a grid, at least 2 x 2 and half filled; else no row."""
    grid = frame[plain(frame)]
    return grid if fills(grid) else grid.iloc[:0]


def line_coordinate(frame: pd.DataFrame) -> str | None:
    """Return the coordinate along which the points of a line lie, None if they are no line."""
    x, y = axes(frame)
    if len(frame[y].unique()) == 1:
        return x
    return y if len(frame[x].unique()) == 1 else None


def edges(centres: Values) -> Values:
    """Return the edges of cells: the midpoints between centres, and mirrored beyond the first and the last.

    >>> edges(np.array([0.0, 1.0, 3.0])).tolist()
    [-0.5, 0.5, 2.0, 4.0]
    """
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def cells(grid: pd.DataFrame) -> list[Cell]:
    """Return the cell of each row of a grid."""
    if grid.empty:
        return []
    places = grid[axes(grid)]
    columns, rows = (_spans(places[name]) for name in places)
    return [Cell(*columns[x], *rows[y]) for x, y in places.to_numpy(float)]


def _spans(values: pd.Series[float]) -> dict[float, tuple[float, float]]:
    centres = np.unique(np.asarray(values, np.float64))
    return dict(zip(centres.tolist(), pairwise(edges(centres).tolist()), strict=True))
