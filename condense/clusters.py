"""How many directions the neurons need: a max-cover greedy over cones, weighted by amplitude.

Counting connected clusters gives one for the uniform circle of an untrained network. So count the directions that
are needed to cover the neurons instead: each centre, a neuron itself, covers the neurons whose cosine to it is above
a threshold; take the centre that covers most amplitude |a||w| still uncovered, until a share of the total is covered.
After the effective ratio of Zhang and Xu, arXiv 2207.05952.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cover", "cover", "mean_abs_cosine"]

Array = NDArray[np.float64]

ROUNDING = 1e-13
"""A share of the amplitude that may be rounding."""

BLOCK = 2**22
"""Cosines computed at once."""


@dataclass(frozen=True)
class Cover:
    """The centres of a cover in the order taken, and the share of the total amplitude that each added.

    A centre may lie at the rim of what it covers; `directions`, shape (d, centres), are the unit vectors along the
    amplitude-weighted mean of the neurons that each centre added.
    """

    centres: NDArray[np.int64]
    shares: Array
    directions: Array
    capped: bool

    def __len__(self) -> int:
        return len(self.centres)

    @property
    def two_direction_share(self) -> float:
        """The share of the amplitude on the two largest directions."""
        return float(self.shares[:2].sum())


def cover(
    directions: Array,
    amplitudes: Array,
    *,
    threshold: float = 0.95,
    fraction: float = 0.99,
    most: int = 200,
    candidates: int = 512,
    lines: bool = False,
) -> Cover:
    """Return the directions that cover `fraction` of the amplitude.

    Args:
        directions: unit vectors of shape (d, m), one a neuron.
        amplitudes: |a_k||w_k| >= 0, shape (m,).
        threshold: a centre covers what has a cosine above this to it.
        fraction: the share of the total amplitude at which the cover is complete.
        most: stop at this many centres; the cover is then `capped`.
        candidates: in more than two dimensions at most this many neurons at a time are tried as centres, spread
            evenly over the cumulative amplitude not covered yet, so that no m x m matrix is formed; when they have
            nothing left to cover, others are. In two dimensions every neuron is tried, by a sweep over angles.
        lines: take a direction and its opposite for one.
    """
    total = float(amplitudes.sum())
    if total == 0:
        return Cover(np.empty(0, np.int64), np.empty(0), np.empty((len(directions), 0)), False)
    plane = directions.shape[0] == 2
    cones = _Arcs(directions, threshold, lines) if plane else _Cones(directions, threshold, lines)
    return _greedy(cones, amplitudes / total, fraction, most, len(amplitudes) if plane else candidates)


def _greedy(cones: _Arcs | _Cones, weights: Array, fraction: float, most: int, candidates: int) -> Cover:
    left, tried, gains = weights.copy(), np.empty(0, np.int64), np.zeros(1)
    centres: list[int] = []
    shares: list[float] = []
    means: list[Array] = []
    while sum(shares) < fraction and len(centres) < most:
        if gains.max() <= ROUNDING:  # these candidates have nothing left to cover, so try others
            tried = _spread(left, candidates)
            gains = cones.gains(tried, left)
        place = int(np.argmax(gains > gains.max() * (1 - 1e-12)))  # the first of ties, rounding apart
        inside = np.flatnonzero(cones.around(int(tried[place])) & (left > 0))
        centres.append(int(tried[place]))
        shares.append(float(left[inside].sum()))
        means.append(cones.mean(centres[-1], inside, left))
        gains = cones.without(gains, tried, left, inside)
        left[inside] = 0
    return Cover(np.array(centres, np.int64), np.array(shares), np.array(means).T, sum(shares) < fraction)


def _spread(amplitudes: Array, most: int) -> NDArray[np.int64]:
    """Return at most this many neurons, evenly spread over the cumulative amplitude from the largest down."""
    there = np.flatnonzero(amplitudes)
    if len(there) <= most:
        return there
    order = np.argsort(-amplitudes, kind="stable")
    cumulative = np.cumsum(amplitudes[order])
    marks = (np.arange(most) + 0.5) / most * cumulative[-1]
    return np.unique(order[np.minimum(np.searchsorted(cumulative, marks), len(order) - 1)])


class _Directions:
    """Unit vectors, for lines up to their sign."""

    def __init__(self, directions: Array, threshold: float, lines: bool) -> None:
        self.directions, self.threshold, self.lines = directions, threshold, lines

    def mean(self, centre: int, neurons: NDArray[np.int64], weights: Array) -> Array:
        """Return the unit vector along the weighted mean of some neurons, turned to the centre's side for lines."""
        chosen = self.directions[:, neurons]
        signs = np.sign(self.directions[:, centre] @ chosen) if self.lines else np.ones(len(neurons))
        total = chosen @ (signs * weights[neurons])
        return np.asarray(total / np.linalg.norm(total))


class _Arcs(_Directions):
    """Cones in two dimensions: arcs of the circle, found by sorting the angles."""

    def __init__(self, directions: Array, threshold: float, lines: bool) -> None:
        super().__init__(directions, threshold, lines)
        self.period = math.pi if lines else 2 * math.pi
        self.half_width = math.acos(threshold)
        self.angle = np.arctan2(directions[1], directions[0]) % self.period
        self.order = np.argsort(self.angle, kind="stable")
        ordered = self.angle[self.order]
        circle = np.concatenate([ordered - self.period, ordered, ordered + self.period])
        self.first = np.searchsorted(circle, self.angle - self.half_width, side="right")
        self.last = np.searchsorted(circle, self.angle + self.half_width, side="left")

    def gains(self, tried: NDArray[np.int64], left: Array) -> Array:
        """Return the uncovered amplitude that each candidate covers."""
        around = np.concatenate([[0.0], np.cumsum(np.tile(left[self.order], 3))])
        return np.asarray(around[self.last[tried]] - around[self.first[tried]])

    def around(self, centre: int) -> NDArray[np.bool_]:
        """Return which neurons a centre covers."""
        distance = np.abs(self.angle - self.angle[centre])
        return np.asarray(np.minimum(distance, self.period - distance) < self.half_width)

    def without(self, gains: Array, tried: NDArray[np.int64], left: Array, covered: NDArray[np.int64]) -> Array:
        """Return the gains after some neurons were covered."""
        rest = left.copy()
        rest[covered] = 0
        return self.gains(tried, rest)


class _Cones(_Directions):
    """Cones in any dimension: cosines of all neurons to the candidates, block by block."""

    def _inside(self, centres: NDArray[np.int64], neurons: slice | NDArray[np.int64]) -> NDArray[np.bool_]:
        cosines = self.directions[:, centres].T @ self.directions[:, neurons]
        return np.asarray((np.abs(cosines) if self.lines else cosines) > self.threshold)

    def _covered(self, tried: NDArray[np.int64], left: Array, neurons: NDArray[np.int64]) -> Array:
        total = np.zeros(len(tried))
        for block in _blocks(neurons, BLOCK // len(tried)):
            total += self._inside(tried, block) @ left[block]
        return total

    def gains(self, tried: NDArray[np.int64], left: Array) -> Array:
        """Return the uncovered amplitude that each candidate covers."""
        return self._covered(tried, left, np.arange(len(left)))

    def around(self, centre: int) -> NDArray[np.bool_]:
        """Return which neurons a centre covers."""
        return np.asarray(self._inside(np.array([centre]), slice(None))[0])

    def without(self, gains: Array, tried: NDArray[np.int64], left: Array, covered: NDArray[np.int64]) -> Array:
        """Return the gains after some neurons were covered: each neuron is taken off once in all."""
        return gains - self._covered(tried, left, covered)


def _blocks(neurons: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    size = max(size, 1)
    return (neurons[start : start + size] for start in range(0, len(neurons), size))


def mean_abs_cosine(directions: Array, sample: int = 512, seed: int = 0) -> float:
    """Return the mean |cos| over pairs of a fixed seeded sample of neurons; NaN for fewer than two.

    For m directions uniform on the sphere of R^2 it is 2/pi, for neurons on one line 1.
    """
    m = directions.shape[1]
    if m < 2:
        return math.nan
    chosen = np.random.default_rng(seed).choice(m, size=min(sample, m), replace=False)
    cosines = np.abs(directions[:, chosen].T @ directions[:, chosen])
    pairs = len(chosen) * (len(chosen) - 1)
    return float((cosines.sum() - np.trace(cosines)) / pairs)
