"""Cones in any dimension: the cosines of all neurons to some candidates, taken once and kept as bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from condense.measure.arcs import Array, compiled

__all__ = ["Cones"]

BLOCK = 2**17
"""Cosines taken at once, as many as stay in the cache."""

WORD = 64

Bits = NDArray[np.uint64]


class Cones:
    """What some candidates cover: `gains` in the order of `candidates`.

    At most `most` neurons at a time are candidates, spread evenly over the cumulative amplitude not covered yet, so
    that no m x m matrix is formed.
    """

    def __init__(self, directions: Array, weights: Array, threshold: float, most: int, lines: bool) -> None:
        self._directions, self.left, self._most = directions, weights.copy(), most
        self._threshold, self._lines = threshold, lines

    def _try(self, candidates: NDArray[np.int64]) -> None:
        words = -(-len(candidates) // WORD)
        self.candidates, self._gains = candidates, np.zeros(WORD * words)
        self._bits = np.empty((words, len(self.left)), np.uint64)

    @classmethod
    def several(
        cls, directions: Array, weights: Array, threshold: float, most: int, lines: Sequence[bool]
    ) -> list[Cones]:
        """Return the cones for each of `lines`; their first candidates are the same, and share their cosines."""
        cones = [cls(directions, weights, threshold, most, each) for each in lines]
        _look(cones, _spread(weights, most))
        return cones

    @property
    def gains(self) -> Array:
        """The uncovered amplitude that each candidate covers."""
        return self._gains[: len(self.candidates)]

    def renew(self) -> None:
        """Try neurons that are not covered yet."""
        _look([self], _spread(self.left, self._most))

    def take(self, place: int) -> tuple[float, Array]:
        """Cover what a candidate covers, and return the amplitude this adds and the weighted sum of its unit vectors.

        For lines the vectors are turned to the centre's side.
        """
        inside = _inside(self._bits[place // WORD], place % WORD, self.left)
        weights = self.left[inside]
        _lower(self._gains, self._bits, self.left, inside)
        self.left[inside] = 0
        vectors = self._directions.take(inside, axis=1)
        signs = np.sign(self._directions[:, self.candidates[place]] @ vectors) if self._lines else 1.0
        return float(weights.sum()), vectors @ (signs * weights)


def _look(cones: Sequence[Cones], candidates: NDArray[np.int64]) -> None:
    """Work out what each of these neurons covers, by cones that have them as candidates."""
    directions = cones[0]._directions
    d, m = directions.shape
    full = WORD * -(-len(candidates) // WORD)
    chosen = np.zeros((d, full))  # what fills the last word has cosines of zero, and covers nothing
    chosen[:, : len(candidates)] = directions.take(candidates, axis=1)
    for each in cones:
        each._try(candidates)
    size = max(1, BLOCK // full)
    for start in range(0, m, size):
        cosines = directions[:, start : start + size].T @ chosen
        for each in cones:
            _mark(each._gains, each._bits, each.left, cosines, start, each._threshold, each._lines)


@compiled
def _mark(gains: Array, bits: Bits, left: Array, cosines: Array, start: int, threshold: float, lines: bool) -> None:
    """Note which neurons from `start` on the candidates cover, given the cosines of shape (neurons, candidates)."""
    for k in range(len(cosines)):
        for word in range(len(bits)):
            row, mask = cosines[k, WORD * word : WORD * word + WORD], np.uint64(0)
            for j in range(WORD):
                mask |= np.uint64((abs(row[j]) if lines else row[j]) > threshold) << np.uint64(j)
            bits[word, start + k] = mask
            _add(gains, word, mask, left[start + k])


@compiled
def _add(gains: Array, word: int, mask: np.uint64, weight: float) -> None:
    """Add a weight to the gains of the candidates whose bits are set in a word."""
    if mask:
        for j in range(WORD):
            gains[WORD * word + j] += weight * ((mask >> np.uint64(j)) & np.uint64(1))


@compiled
def _lower(gains: Array, bits: Bits, left: Array, covered: NDArray[np.int64]) -> None:
    """Take some neurons off all gains."""
    for k in covered:
        for word in range(len(bits)):
            _add(gains, word, bits[word, k], -left[k])


@compiled
def _inside(bits: Bits, place: int, left: Array) -> NDArray[np.int64]:
    """Return what a candidate covers of the neurons left, given the words that it is in and its place there."""
    found, count = np.empty(len(left), np.int64), np.int64(0)
    for k in range(len(left)):
        found[count] = k
        count += np.int64(bits[k] >> np.uint64(place)) & np.int64(left[k] > 0)
    return found[:count].copy()


def _spread(amplitudes: Array, most: int) -> NDArray[np.int64]:
    """Return at most this many neurons, evenly spread over the cumulative amplitude from the largest down."""
    there = np.flatnonzero(amplitudes)
    if len(there) <= most:
        return there
    order = np.argsort(-amplitudes, kind="stable")
    cumulative = np.cumsum(amplitudes[order])
    marks = (np.arange(most) + 0.5) / most * cumulative[-1]
    return np.unique(order[np.minimum(np.searchsorted(cumulative, marks), len(order) - 1)])
