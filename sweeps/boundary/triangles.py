"""The triangles of points that a line crosses, and how uncertain the line is in each."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CloughTocher2DInterpolator
from scipy.spatial import KDTree

__all__ = ["Crossed"]

NEIGHBOURS = 10
"""Points that tell the slope beside a triangle."""

STEEP = 0.2
"""Where the line all but follows the direction of x, dF/dx is taken to be this part of the gradient at least."""

LARGEST = 0.2
"""Triangles with a longer side, in units of the rectangle's, are cut however straight the surface seems: what bends
between their corners is not seen, by the cubic no more than by the linear interpolant."""

Array = NDArray[np.float64]


class Crossed:
    """The triangles of an interpolator in which it is zero somewhere.

    Args:
        ip: scipy's LinearNDInterpolator, in the unit square around 0, of (N, 2) values and half-widths.
    """

    def __init__(self, ip: Any) -> None:
        self.triangles, self._all = ip.tri, ip.values[:, 0]
        signs = self._all[ip.tri.simplices] >= 0
        self.which = np.flatnonzero(signs.any(axis=1) & ~signs.all(axis=1))
        self.corners = ip.tri.simplices[self.which]
        self._values, self._places = self._all[self.corners], ip.tri.points[self.corners]
        self._halves = ip.values[self.corners, 1]

    @cached_property
    def slopes(self) -> Array:
        """|dF/dx| (T,) of the plane through the nearest points: corners close by may differ by noise alone."""
        points = self.triangles.points
        _, near = KDTree(points).query(self.middles, k=min(NEIGHBOURS, len(points)))
        places, values = points[near], self._all[near]
        places, values = places - places.mean(axis=1, keepdims=True), values - values.mean(axis=1, keepdims=True)
        gradient = (np.linalg.pinv(places) @ values[..., None])[..., 0]
        return np.asarray(np.maximum(abs(gradient[:, 0]), STEEP * np.linalg.norm(gradient, axis=1)))

    @property
    def bent(self) -> NDArray[np.bool_]:
        """Whether interpolation errs more than the values in each (T,): then points are to come before repeats."""
        return np.asarray((self.interpolation > self.noise) | self.large)

    @cached_property
    def _ends(self) -> Array:
        """Where the line of the linear interpolant enters and leaves, (2, T, 2)."""
        signs = self._values >= 0
        lone = (signs == (signs.sum(axis=1) == 1)[:, None]).argmax(axis=1)  # the corner alone on its side
        rows, ends = np.arange(len(lone)), []
        for other in ((lone + 1) % 3, (lone + 2) % 3):
            here, there = self._values[rows, lone], self._values[rows, other]
            share = (here / (here - there))[:, None]
            ends.append(self._places[rows, lone] * (1 - share) + self._places[rows, other] * share)
        return np.stack(ends)

    @property
    def middles(self) -> Array:
        """The middle (T, 2) of the line in each."""
        return np.asarray(self._ends.mean(axis=0))

    @cached_property
    def interpolation(self) -> Array:
        """The error (T,) of the line in x by interpolation."""
        cubic = CloughTocher2DInterpolator(self.triangles, self._all)
        shares = np.linspace(0, 1, 7)[:, None, None]
        along = self._ends[0] * (1 - shares) + self._ends[1] * shares  # (7, T, 2)
        differences = np.nan_to_num(abs(cubic(along)))  # NaN: on the edge of the square, outside by rounding
        return np.asarray(differences.max(axis=0) / self.slopes)

    @property
    def large(self) -> NDArray[np.bool_]:
        """Whether each (T,) is too large to be believed."""
        sides = self._places - np.roll(self._places, 1, axis=1)
        return np.asarray(np.linalg.norm(sides, axis=2).max(axis=1) > LARGEST)

    @property
    def noise(self) -> Array:
        """The half-width (T,) of the line in x by the intervals of the corners."""
        return np.asarray(self._halves.max(axis=1) / self.slopes)
