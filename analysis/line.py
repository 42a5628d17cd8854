"""The line S = 0 through points anywhere on the plane, with an interval made of what seeds and interpolation leave."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import CloughTocher2DInterpolator, LinearNDInterpolator
from scipy.spatial import Delaunay

from analysis.intervals import Interval

__all__ = ["fills", "level_line", "local_zero", "scattered"]

ALONG = 81
"""Values of gamma at which a crossing is looked for, and then once more between two of these."""

STEP = 1e-3
"""Of the difference quotient dS/dgamma, in units of the points' range of gamma."""

FLAT = 1e-6
"""Points whose extent in one direction is less than this part of that in the other lie on a straight line."""

Values = NDArray[np.float64]


def fills(plain: pd.DataFrame) -> bool:
    """Whether plain plane points fill half of the grid of their coordinates, at least 2 x 2."""
    columns, rows = plain["gamma"].nunique(), plain["gamma_prime"].nunique()
    return min(columns, rows) >= 2 and len(plain) >= columns * rows / 2


def scattered(plain: pd.DataFrame) -> bool:
    """Whether plain plane points extend in two directions but are no grid: rows tell little of them."""
    places = plain[["gamma", "gamma_prime"]].to_numpy(np.float64)
    if len(places) < 3 or fills(plain) or not np.ptp(places, axis=0).all():
        return False
    long, across = np.linalg.svd((places - places.mean(axis=0)) / np.ptp(places, axis=0), compute_uv=False)
    return bool(across > FLAT * long)


def level_line(slopes: pd.DataFrame, rows: Values, interval: Interval) -> pd.DataFrame:
    """Return where S is zero at each gamma', with the interval of that zero.

    S is the cubic of Clough and Tocher on the triangles of the points. The surfaces s_k of the seeds, made in the same
    way, move its zero to first order by -(s_k - S) / (dS/dgamma); the zero is the mean of these over the seeds, and its
    interval is that of a mean. All points have their seeds in common, so what they err in common stays common. Where
    points differ in their seeds, the deviation of a seed counts for n / n_i at a point with n_i of the n seeds that the
    corners of the triangle have: so much of the error of the mean there is its own. The interval and the difference to
    the zero by linear interpolation, which is an upper bound in practice, are added as independent errors.

    Args:
        slopes: of each seed, (gamma, gamma') by seeds; NaN where a point lacks a seed.
        rows: gamma' of the zeros.
        interval: of the mean over seeds.

    Returns:
        gamma, low, high, interpolation (the difference to linear interpolation) and seeds, by gamma_prime; NaN where
        no zero lies within the points.
    """
    slopes = slopes.dropna(how="all")
    surface = _Surface(slopes)
    zeros = np.array([surface.zero(row) for row in rows])
    found = [surface.seed_zeros(zero, row) for zero, row in zip(zeros, rows, strict=True)]
    alone = pd.DataFrame(found, index=pd.Index(rows, name="gamma_prime"), columns=slopes.columns, dtype=float)
    ends = interval(alone[np.isfinite(zeros)]).reindex(alone.index)
    bias = np.array([surface.interpolation(zero, row) for zero, row in zip(zeros, rows, strict=True)])
    below, above = zeros - ends["low"].astype(float), ends["high"].astype(float) - zeros
    return pd.DataFrame(
        {
            "gamma": zeros,
            "low": zeros - np.hypot(below, bias),
            "high": zeros + np.hypot(above, bias),
            "interpolation": bias,
            "seeds": alone.notna().sum(axis=1),
        },
        index=alone.index,
    )


def local_zero(gamma: Values, slope: Values) -> float:
    """Return the zero of the exponent by linear interpolation between the two cells around it.

    It is a crossing from negative to positive; of several, the one nearest to the mean of all sign changes.
    NaN if there is none. Cells that are NaN are passed over; gamma must increase.
    """
    gamma, slope = gamma[np.isfinite(slope)], slope[np.isfinite(slope)]
    changes = np.flatnonzero((slope[:-1] < 0) != (slope[1:] < 0))
    step = slope[changes + 1] - slope[changes]
    zeros = gamma[changes] - slope[changes] * (gamma[changes + 1] - gamma[changes]) / step
    upward = zeros[step > 0]
    return float(upward[np.argmin(abs(upward - zeros.mean()))]) if upward.size else float("nan")


class _Surface:
    """S over the plane and what each seed adds to it, by cubic and by linear interpolation."""

    def __init__(self, slopes: pd.DataFrame) -> None:
        self._there = slopes.notna().to_numpy()
        self.gammas = slopes.index.get_level_values("gamma").to_numpy(np.float64)
        points = np.column_stack([self.gammas, slopes.index.get_level_values("gamma_prime").to_numpy(np.float64)])
        self._corner, self._span = points.min(axis=0), np.ptp(points, axis=0)
        self._triangles = Delaunay((points - self._corner) / self._span)
        mean = slopes.mean(axis=1).to_numpy(np.float64)
        added = np.where(self._there, slopes.to_numpy(np.float64) - mean[:, None], 0) / self._there.sum(axis=1)[:, None]
        self._mean = CloughTocher2DInterpolator(self._triangles, mean)
        self._linear = LinearNDInterpolator(self._triangles, mean)
        self._added = CloughTocher2DInterpolator(self._triangles, added)

    def zero(self, gamma_prime: float) -> float:
        """Return the zero of a row; NaN if there is none."""
        low, high = self.gammas.min(), self.gammas.max()
        zero = float("nan")
        for _ in range(2):
            gammas = np.linspace(low, high, ALONG)
            found = local_zero(gammas, self.mean(gammas, gamma_prime))
            if np.isnan(found):  # the second time, at the edge of the points: the first is as good
                return zero
            step = (high - low) / (ALONG - 1)
            zero, low, high = found, found - step, found + step
        return zero

    def mean(self, gamma: Values, gamma_prime: float) -> Values:
        """Return S along a row; NaN outside of the points."""
        return np.asarray(self._mean(self._unit(gamma, gamma_prime)))

    def seed_zeros(self, gamma: float, gamma_prime: float) -> Values:
        """Return the zero of each seed alone to first order; NaN for seeds that no corner of the triangle has."""
        unit = self._unit(np.array([gamma]), gamma_prime)
        [triangle] = self._triangles.find_simplex(np.nan_to_num(unit, nan=-1.0))
        if triangle < 0:
            return np.full(self._there.shape[1], np.nan)
        seeds = self._there[self._triangles.simplices[triangle]].any(axis=0)
        [added] = self._added(unit)
        return np.where(seeds, gamma - seeds.sum() * added / self._rise(gamma, gamma_prime), np.nan)

    def interpolation(self, gamma: float, gamma_prime: float) -> float:
        """Return by how much linear interpolation moves a zero."""
        [value] = self._linear(self._unit(np.array([gamma]), gamma_prime))
        return float(abs(value / self._rise(gamma, gamma_prime)))

    def _rise(self, gamma: float, gamma_prime: float) -> float:
        """Return dS/dgamma, on one side only at the edge of the points."""
        step = STEP * self._span[0]
        here = gamma + np.array([-step, 0.0, step])
        values = self.mean(here, gamma_prime)
        there = np.isfinite(values)
        return float(np.ptp(values[there]) / np.ptp(here[there])) if there.sum() > 1 else float("nan")

    def _unit(self, gamma: Values, gamma_prime: float) -> Values:
        return np.asarray((np.column_stack([gamma, np.full_like(gamma, gamma_prime)]) - self._corner) / self._span)
