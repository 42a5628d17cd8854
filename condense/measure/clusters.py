"""How many directions the neurons need: a max-cover greedy over cones, weighted by amplitude.

Counting connected clusters gives one for the uniform circle of an untrained network. So count the directions that
are needed to cover the neurons instead: each centre, a neuron itself, covers the neurons whose cosine to it is above
a threshold; take the centre that covers most amplitude |a||w| still uncovered, until a share of the total is covered.
After the effective ratio of Zhang and Xu, arXiv 2207.05952.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condense.measure.arcs import Arcs, Circle
from condense.measure.cones import Cones
from condense.schema.measure import tried

__all__ = ["Cover", "cover", "covers", "mean_abs_cosine"]

Array = NDArray[np.float64]

ROUNDING = 1e-13
"""A share of the amplitude that may be rounding."""


@dataclass(frozen=True)
class Cover:
    """The centres of a cover in the order taken, and the share of the total amplitude that each added.

    A centre may lie at the rim of what it covers; `directions`, shape (d, centres), are the unit vectors along the
    amplitude-weighted mean of the neurons that each centre added. `capped` says that the rule takes more centres,
    `exact` that every neuron was tried as one; if not, there are about as many as the rule takes: more, seldom fewer.
    """

    centres: NDArray[np.int64]
    shares: Array
    directions: Array
    capped: bool
    exact: bool

    def __len__(self) -> int:
        return len(self.centres)

    @property
    def two_direction_share(self) -> float:
        """The share of the amplitude on the two largest directions."""
        return float(self.shares[:2].sum())


def cover(directions: Array, amplitudes: Array, *, lines: bool = False, **rule: Any) -> Cover:
    """Return the directions, or lines, that cover the neurons, by the rule of `covers`."""
    return covers(directions, amplitudes, lines=(lines,), **rule)[0]


def covers(
    directions: Array,
    amplitudes: Array,
    *,
    threshold: float = 0.95,
    fraction: float = 0.99,
    most: int = 200,
    candidates: int = 2**14,
    lines: Sequence[bool] = (False, True),
) -> list[Cover]:
    """Return the directions that cover `fraction` of the amplitude, and the lines; together they cost less.

    Args:
        directions: unit vectors of shape (d, m), one a neuron.
        amplitudes: |a_k||w_k| >= 0, shape (m,).
        threshold: a centre covers what has a cosine above this to it.
        fraction: the share of the total amplitude at which the cover is complete.
        most: stop at this many centres; the cover is then `capped`.
        candidates: in more than two dimensions all neurons are tried as centres if at most this many carry something;
            the cover is then `exact`. Of more neurons as many are tried as keep the number of pairs, a bit each, but
            512 if these are more, spread evenly over the cumulative amplitude not covered yet; when they have nothing
            left to cover, others are. In two dimensions every neuron is tried, by a sweep over angles.
        lines: for each cover whether a direction and its opposite are taken for one.
    """
    total = float(amplitudes.sum())
    if total == 0:
        return [Cover(np.empty(0, np.int64), np.empty(0), np.empty((len(directions), 0)), False, True) for _ in lines]
    directions, weights = np.ascontiguousarray(directions), amplitudes / total
    cones: Iterable[Arcs | Cones]
    if len(directions) == 2:
        exact, circle = True, Circle.of(directions)
        cones = (circle.arcs(weights, threshold, each) for each in lines)
    else:
        count = int(np.count_nonzero(weights))
        exact = count <= candidates
        cones = Cones.several(directions, weights, threshold, tried(count, candidates), lines)
    return [_greedy(each, fraction, most, exact) for each in cones]


def _greedy(cones: Arcs | Cones, fraction: float, most: int, exact: bool) -> Cover:
    """Take the candidate of the largest gain, of near ties the first neuron, until enough is covered."""
    centres: list[int] = []
    shares: list[float] = []
    means: list[Array] = []
    while sum(shares) < fraction and len(centres) < most:
        largest = cones.gains.max()
        if largest <= ROUNDING:  # these candidates have nothing left to cover, so try others
            if not cones.left.any():
                break
            cones.renew()
            largest = cones.gains.max()
        near = np.flatnonzero(cones.gains > largest * (1 - 1e-12))
        place = int(near[cones.candidates[near].argmin()])
        share, mean = cones.take(place)
        centres.append(int(cones.candidates[place]))
        shares.append(share)
        means.append(mean / np.linalg.norm(mean))
    return Cover(
        np.array(centres, np.int64),
        np.array(shares),
        np.array(means).T,
        len(centres) == most and sum(shares) < fraction,
        exact,
    )


def mean_abs_cosine(directions: Array, sample: int = 512, seed: int = 0) -> float:
    """Return the mean |cos| over pairs of a fixed seeded sample of neurons; NaN for fewer than two.

    For m directions uniform on the sphere of R^2 it is 2/pi, for neurons on one line 1.
    """
    m = directions.shape[1]
    if m < 2:
        return math.nan
    chosen = np.random.default_rng(seed).choice(m, size=min(sample, m), replace=False)
    cosines = directions[:, chosen].T @ directions[:, chosen]
    np.abs(cosines, out=cosines)
    pairs = len(chosen) * (len(chosen) - 1)
    return float((cosines.sum() - np.trace(cosines)) / pairs)
