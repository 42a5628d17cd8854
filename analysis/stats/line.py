"""The line S = 0 through points anywhere on the plane, with an interval made of what seeds and interpolation leave."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import CloughTocher2DInterpolator, LinearNDInterpolator
from scipy.spatial import Delaunay

from analysis.stats.intervals import Interval, degrees, errors, sample
from analysis.tables.places import axes

__all__ = ["crossing", "fills", "level_line", "local_zero", "root", "scattered"]

ALONG = 81
"""Values of x at which a crossing is looked for, and then once more between two of these."""

STEP = 1e-3
"""Of the difference quotient dS/dx, in units of the points' range of x."""

FLAT = 1e-6
"""Points whose extent in one direction is less than this part of that in the other lie on a straight line."""

Values = NDArray[np.float64]


def fills(plain: pd.DataFrame) -> bool:
    """Whether plain plane points fill half of the grid of their coordinates, at least 2 x 2."""
    columns, rows = plain[axes(plain)].nunique()
    return min(columns, rows) >= 2 and len(plain) >= columns * rows / 2


def scattered(plain: pd.DataFrame) -> bool:
    """Whether plain plane points extend in two directions but are no grid: rows tell little of them."""
    places = plain[axes(plain)].to_numpy(np.float64)
    if len(places) < 3 or fills(plain) or not np.ptp(places, axis=0).all():
        return False
    long, across = np.linalg.svd((places - places.mean(axis=0)) / np.ptp(places, axis=0), compute_uv=False)
    return bool(across > FLAT * long)


def level_line(slopes: pd.DataFrame, rows: Values, interval: Interval) -> pd.DataFrame:
    """Return where S is zero in each row y, with the interval of that zero.

    S is the cubic of Clough and Tocher on the triangles of the points, through their means over all seeds that each
    has. What the seeds add to the errors of these means (`analysis.stats.intervals.errors`), as a surface made in the
    same way, moves the zero to first order by -e_k / (dS/dx): errors that points have in common, as they have the
    seeds, stay common. The degrees of freedom are those of the corners of the triangle in which the zero lies, by their
    weights in it. The interval and the difference to the zero by linear interpolation, which is an upper bound in
    practice, are added as independent errors.

    Args:
        slopes: of each seed, (x, y) by seeds; NaN where a point lacks a seed.
        rows: y of the zeros.
        interval: of the mean over seeds.

    Returns:
        x, low, high, interpolation (the difference to linear interpolation), seeds and seeds_most (the fewest and
        the most of a corner of the triangle), by y; NaN where no zero lies within the points.
    """
    slopes = slopes.dropna(how="all")
    surface = _Surface(slopes)
    zeros = np.array([surface.zero(row) for row in rows])
    found = [surface.moved(zero, row) for zero, row in zip(zeros, rows, strict=True)]
    x, y = axes(slopes)
    index = pd.Index(rows, name=y)
    moved = pd.DataFrame([each for each, _, _ in found], index=index, columns=slopes.columns, dtype=float)
    ends = interval(moved, pd.Series([dof for _, dof, _ in found], index=index))
    bias = np.array([surface.interpolation(zero, row) for zero, row in zip(zeros, rows, strict=True)])
    return pd.DataFrame(
        {
            x: zeros,
            "low": zeros - np.hypot(ends["low"].astype(float), bias),
            "high": zeros + np.hypot(ends["high"].astype(float), bias),
            "interpolation": bias,
            "seeds": [seeds.min() for _, _, seeds in found],
            "seeds_most": [seeds.max() for _, _, seeds in found],
        },
        index=index,
    )


def local_zero(x: Values, slope: Values) -> float:
    """Return the zero of the exponent by linear interpolation between the two cells around it.

    It is a crossing from negative to positive; of several, the one nearest to the mean of all sign changes.
    NaN if there is none. Cells that are NaN are passed over; x must increase.
    """
    cells = crossing(x, slope)
    return root(x[cells], slope[cells])


def crossing(x: Values, slope: Values) -> NDArray[np.intp]:
    """Return the places of the two cells between which `local_zero` lies, none if there is no zero."""
    known = np.flatnonzero(np.isfinite(slope))
    x, y = x[known], slope[known]
    changes = np.flatnonzero((y[:-1] < 0) != (y[1:] < 0))
    step = y[changes + 1] - y[changes]
    zeros = x[changes] - y[changes] * (x[changes + 1] - x[changes]) / step
    upward = step > 0
    if not upward.any():
        return known[:0]
    nearest = changes[upward][np.argmin(abs(zeros[upward] - zeros.mean()))]
    return known[nearest : nearest + 2]


def root(x: Values, slope: Values) -> float:
    """Return the root of the straight line regressed over cells; NaN for fewer than two, or if it does not rise."""
    if len(x) < 2:
        return float("nan")
    (variance, covariance), _ = np.cov(x, slope, bias=True)
    rise = covariance / variance
    return float(x.mean() - slope.mean() / rise) if rise > 0 else float("nan")


class _Surface:
    """S over the plane and what each seed adds to it, by cubic and by linear interpolation."""

    def __init__(self, slopes: pd.DataFrame) -> None:
        self._there = slopes.notna().to_numpy()
        points = slopes.index.to_frame()[axes(slopes)].to_numpy(np.float64)
        self.columns = points[:, 0]
        self._corner, self._span = points.min(axis=0), np.ptp(points, axis=0)
        self._triangles = Delaunay((points - self._corner) / self._span)
        mean = slopes.mean(axis=1).to_numpy(np.float64)
        self._errors = errors(slopes)
        self._mean = CloughTocher2DInterpolator(self._triangles, mean)
        self._linear = LinearNDInterpolator(self._triangles, mean)
        self._added = CloughTocher2DInterpolator(self._triangles, self._errors)

    def zero(self, row: float) -> float:
        """Return the zero of a row; NaN if there is none."""
        low, high = self.columns.min(), self.columns.max()
        zero = float("nan")
        for _ in range(2):
            along = np.linspace(low, high, ALONG)
            found = local_zero(along, self.mean(along, row))
            if np.isnan(found):  # the second time, at the edge of the points: the first is as good
                return zero
            step = (high - low) / (ALONG - 1)
            zero, low, high = found, found - step, found + step
        return zero

    def mean(self, x: Values, row: float) -> Values:
        """Return S along a row; NaN outside of the points."""
        return np.asarray(self._mean(self._unit(x, row)))

    def moved(self, zero: float, row: float) -> tuple[Values, float, NDArray[np.intp]]:
        """Return by how much each seed moves a zero, degrees of freedom, and the seeds of the triangle's corners."""
        unit = self._unit(np.array([zero]), row)
        [triangle] = self._triangles.find_simplex(np.nan_to_num(unit, nan=-1.0))
        if triangle < 0:
            return np.full(self._there.shape[1], np.nan), 0.0, np.zeros(1, np.intp)
        corners = self._triangles.simplices[triangle]
        there = self._there[corners]
        seeds = there.sum(axis=1)
        [added] = self._added(unit)
        transform = self._triangles.transform[triangle]
        weights = transform[:2] @ (unit[0] - transform[2])
        parts = np.append(weights, 1 - weights.sum())[:, None] * self._errors[corners]
        moved = sample(-added / self._rise(zero, row), there.any(axis=0))
        return moved, degrees(parts, seeds), seeds

    def interpolation(self, zero: float, row: float) -> float:
        """Return by how much linear interpolation moves a zero."""
        [value] = self._linear(self._unit(np.array([zero]), row))
        return float(abs(value / self._rise(zero, row)))

    def _rise(self, zero: float, row: float) -> float:
        """Return dS/dx, on one side only at the edge of the points."""
        step = STEP * self._span[0]
        here = zero + np.array([-step, 0.0, step])
        values = self.mean(here, row)
        there = np.isfinite(values)
        return float(np.ptp(values[there]) / np.ptp(here[there])) if there.sum() > 1 else float("nan")

    def _unit(self, x: Values, row: float) -> Values:
        return np.asarray((np.column_stack([x, np.full_like(x, row)]) - self._corner) / self._span)
