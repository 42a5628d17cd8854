"""Cones in two dimensions: arcs of the circle, found and kept up to date by sweeps over the sorted angles.

A position is the place of a neuron in the order of angles; positions go on around the circle, p and p + m are the same
neuron.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["Arcs", "Circle"]

Array = NDArray[np.float64]
Windows = NDArray[np.int32]

AHEAD = 4
"""Angles that a sweep looks at together."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function once and for all: machine code is kept until its file changes, where any can be kept."""
    try:
        return numba.njit(function, cache=True, nogil=True)  # type: ignore[no-any-return]
    except RuntimeError:  # numba finds no folder that it can write
        return numba.njit(function, nogil=True)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Circle:
    """Unit vectors in the plane, shape (2, m), sorted once for directions and for lines.

    `angles` in [0, pi] of their lines ascend; `lower` says which directions point the other way; `order` says which
    neurons they are.
    """

    directions: Array
    angles: Array
    lower: NDArray[np.bool_]
    order: NDArray[np.int64]

    @classmethod
    def of(cls, directions: Array) -> Circle:
        """Return the unit vectors of shape (2, m) sorted."""
        angles = np.arctan2(directions[1], directions[0])
        lower = angles < 0
        angles += math.pi * lower
        order = np.argsort(angles)
        return cls(directions, angles.take(order), lower.take(order), order)

    def arcs(self, weights: Array, threshold: float, lines: bool) -> Arcs:
        """Return the arcs around all neurons, a direction and its opposite taken for one if `lines`."""
        angles, order = self.angles, self.order
        if not lines:
            halves = np.concatenate([np.flatnonzero(~self.lower), np.flatnonzero(self.lower)])
            angles, order = (angles + math.pi * self.lower).take(halves), order.take(halves)
        return Arcs(self.directions.take(order, axis=1), weights.take(order), angles, order, threshold, lines)


class Arcs:
    """What every neuron not covered covers: `gains` of the `candidates`, and what is `left`, in the order of angles."""

    def __init__(
        self, vectors: Array, left: Array, angles: Array, candidates: NDArray[np.int64], threshold: float, lines: bool
    ) -> None:
        self._vectors, self.left, self._angles, self.candidates = vectors, left, angles, candidates
        self._half_width, self._lines = math.acos(threshold), lines
        self.gains, self._sums = np.empty(len(left)), np.empty(3 * len(left) + 1)
        self.renew()

    def renew(self) -> None:
        """Leave out the neurons that carry nothing or are covered, and work out the gains of all others."""
        if not self.left.all():
            there = np.flatnonzero(self.left)
            self._vectors, self.left = self._vectors.take(there, axis=1), self.left.take(there)
            self._angles, self.candidates = self._angles.take(there), self.candidates.take(there)
            self.gains = np.empty(len(there))
        self._first, self._last = _windows(self._angles, self._half_width, math.pi if self._lines else 2 * math.pi)
        _update(self.gains, self.left, self._first, self._last, 0, len(self.left), self._sums)

    def take(self, place: int) -> tuple[float, Array]:
        """Cover what a candidate covers, and return the amplitude this adds and the weighted sum of its unit vectors.

        For lines the vectors are turned to the centre's side.
        """
        start, stop = int(self._first[place]), int(self._last[place])
        share, x, y = _cover(self.left, self._vectors, place, start, stop, self._lines)
        _update(self.gains, self.left, self._first, self._last, start, stop, self._sums)
        return share, np.array([x, y])


def _windows(angles: Array, half_width: float, period: float) -> tuple[Windows, Windows]:
    """Return for every position p the first it covers, in (p - m, p], and the one after the last, in (p, p + m]."""
    m = len(angles)
    circle = np.concatenate([angles, angles + period, np.full(AHEAD, np.inf)])
    reached, last = np.empty(len(circle), np.int32), np.empty(m, np.int32)
    start = _sweep(circle, half_width, reached, last)
    return np.concatenate([reached[m : m + start] - np.int32(m), reached[start:m]]), last


@compiled
def _sweep(circle: Array, half_width: float, reached: Windows, last: Windows) -> int:
    """Fill in the end of every window and, from the position that is returned on, the first that covers a position.

    The first that covers q is the p at which the sweep of ends goes past q. Several angles are looked at a time
    without a branch, since how many it goes past is a throw of dice.
    """
    m = len(last)
    start = 0
    while circle[m + start] < circle[m - 1] + half_width:
        start += 1
    q = start
    for p in range(m):
        rim = circle[p] + half_width
        passed = AHEAD
        while passed == AHEAD:
            passed = 0
            for ahead in range(AHEAD):
                reached[q + ahead] = p
                passed += circle[q + ahead] < rim
            q += passed
        last[p] = q
    return start


@compiled
def _update(gains: Array, left: Array, first: Windows, last: Windows, start: int, stop: int, sums: Array) -> None:
    """Work out anew the gains of all that cover one of the positions from `start` to `stop`."""
    m = len(left)
    low, high = _around(first, start), _around(last, stop - 1)
    if high - low > m:
        low, high = 0, m
    base, end = _around(first, low), _around(last, high - 1)
    total, q = 0.0, base % m
    for k in range(end - base):
        sums[k] = total
        total += left[q]
        q = q + 1 if q + 1 < m else 0
    sums[end - base] = total
    for begin in range(low // m * m, high, m):
        shift = begin - base
        for p in range(max(low - begin, 0), min(high - begin, m)):
            gains[p] = sums[np.uint64(last[p] + shift)] - sums[np.uint64(first[p] + shift)]


@compiled
def _around(window: Windows, position: int) -> int:
    """Return the end of the window of a position anywhere around the circle."""
    m = len(window)
    return window[position % m] + position // m * m  # type: ignore[no-any-return]


@compiled
def _cover(left: Array, vectors: Array, centre: int, start: int, stop: int, lines: bool) -> tuple[float, float, float]:
    """Set the amplitudes from `start` to `stop` to zero; return their sum and that of the vectors they weigh."""
    m = len(left)
    share = x = y = 0.0
    q = start % m
    for _ in range(stop - start):
        cosine = vectors[0, q] * vectors[0, centre] + vectors[1, q] * vectors[1, centre]
        turned = -left[q] if lines and cosine < 0 else left[q]
        x, y = x + turned * vectors[0, q], y + turned * vectors[1, q]
        share += left[q]
        left[q] = 0.0
        q = q + 1 if q + 1 < m else 0
    return share, x, y
