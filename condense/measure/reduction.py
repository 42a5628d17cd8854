"""The smaller network: neurons that have condensed are merged into one, and the output on the data stays.

A group is a cone of directions. For positively homogeneous s (ReLU) a s(w.x) = a |w| s(w.x / |w|), so neurons of one
direction are one neuron whatever their lengths; for other s the lengths have to agree too. What a group keeps is

    V = sum_k a_k w_k,

which is all that it does to data clear of its kinks, or in the linear range of s: a sum with the signs of a. Where the
signs nearly cancel, V points out of the group; then the neurons of either sign are merged by themselves, since the sums
of either lie in the cone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from condense.measure.clusters import cover

__all__ = ["Merged", "NoOutputError", "merge", "reduced"]

Array = NDArray[np.float64]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]

THRESHOLDS = tuple(math.cos(math.radians(60 / 2**halving)) for halving in range(8))
"""The thresholds that are tried: cones of 60 degrees to half a degree."""

COUNTS = (1, *(count for power in range(10) for count in (2 * 2**power, 3 * 2**power)))[:-1]
"""The numbers of directions that are tried: 1, 2, 3, 4, 6, 8, 12, ..., 1024."""

SIGNED = np.array([1.0, -1.0])

ROUNDING = 1e-12
"""The share of a sum that may be rounding."""

TILE = 2**17
"""Cosines taken at once, as many as stay in the cache."""


class NoOutputError(ValueError):
    """An output of which a relative change has no meaning."""


@dataclass(frozen=True)
class Merged:
    """A smaller network: w of shape (r, k) and a of shape (k,).

    `members`, shape (m,), says which of the k a neuron went into, -1 where it or what its group adds up to is zero.
    """

    w: Array
    a: Array
    members: Places

    def __len__(self) -> int:
        return len(self.a)


def merge(
    w: Array, a: Array, *, threshold: float, homogeneous: bool, parity: int = 0, most: int | None = None
) -> Merged:
    """Return the network in which neurons of nearly one direction, and unless s is homogeneous one length, are one.

    The directions are those of a greedy cover of all neurons by amplitude |a||w| (`condense.measure.clusters.cover`,
    which in more than two dimensions does not try all of more than 16,384 neurons as centres); every neuron goes to the
    nearest. A group becomes one neuron, or one for either sign of a, with

        homogeneous s:   w along V = sum_k a_k w_k,  |a||w| = |V|,  |w|^2 / a^2 = sum_k |w_k|^2 / sum_k a_k^2
        other s:         a = sum_k a_k,  w = V / a,  which is exact to first order in w_k - w

    and is exact for neurons that are alike.

    Args:
        w: input weights of shape (r, m), bias included.
        a: output weights, shape (m,).
        threshold: neurons with a cosine above this to a direction belong to it. Unless s is homogeneous the lengths
            in a group differ by less than the factor (1 + q) / (1 - q), where q = (1 - threshold^2)^(1/2) is the sine
            of the opening of the cone.
        homogeneous: s(c z) = c s(z) for c > 0. For other s neurons with w = 0 are left out, as if s(0) = 0.
        parity: -1 if s is odd, so that (w, a) and (-w, -a) are one neuron; 1 if it is even, so that (w, a) and (-w, a)
            are; else 0.
        most: take at most this many directions, and whatever they do not cover to the nearest of them.

    Raises:
        ValueError: no such threshold or parity, or shapes that do not fit.
    """
    _check(w, a, threshold, parity)
    neurons = _Neurons.of(w, a, homogeneous, parity)
    merged = neurons.none
    for groups in neurons.gathered(threshold, [most or len(a)]):
        merged = neurons.merged(groups, threshold)
    return merged


@np.errstate(over="ignore", invalid="ignore")  # of runs that diverged; the results are looked at
def reduced(
    w: Array,
    a: Array,
    outputs: Callable[[Array, Array], Array],
    *,
    tolerance: float,
    homogeneous: bool,
    parity: int = 0,
    counts: Sequence[int] = COUNTS,
) -> tuple[Merged, float]:
    """Return the smallest merged network whose output stays, and the change of the output.

    One threshold does not do for all: wide cones spoil the output where directions spread evenly, narrow ones keep
    hundreds of neurons where two directions would do. So all of `THRESHOLDS` are tried with ever more directions,
    neurons that these do not cover joining the nearest; of the networks with the fewest directions that keep the
    output, the one of the fewest neurons is returned. If none does, it is the network as it was, at a change of 0.

    Args:
        w, a, homogeneous, parity: as in `merge`.
        outputs: gives the output on the data, shape (n,), of neurons (w, a).
        tolerance: the largest |f' - f| / |f| over the data that is accepted.
        counts: the numbers of directions to try.

    Raises:
        NoOutputError: weights or outputs are not finite, or the output is zero.
        ValueError: as `merge`.
    """
    _check(w, a, THRESHOLDS[0], parity)
    f = outputs(w, a)
    size = float(np.linalg.norm(f))
    if not (0 < size < math.inf and np.isfinite(w).all() and np.isfinite(a).all()):
        raise NoOutputError(f"|f| = {size:g} over the data: weights and outputs have to be finite, and not all zero")
    neurons = _Neurons.of(w, a, homogeneous, parity)
    for step in zip_longest(*(neurons.gathered(threshold, counts) for threshold in THRESHOLDS)):
        kept: list[tuple[int, float, Merged]] = []
        for threshold, groups in zip(THRESHOLDS, step, strict=True):
            if groups is not None:
                merged = neurons.merged(groups, threshold)
                change = float(np.linalg.norm(outputs(merged.w, merged.a) - f)) / size
                kept += [(len(merged), change, merged)] if change <= tolerance else []
        if kept:
            _, change, merged = min(kept, key=lambda each: each[:2])
            return merged, change
    return neurons.as_they_were, 0.0


@dataclass(frozen=True)
class _Groups:
    """Which direction every neuron belongs to, and 1 or -1: the side of it where its weights lie."""

    places: Places
    sides: Array


@dataclass(frozen=True)
class _Neurons:
    """Neurons that are not zero, the largest |a||w| first: `there` says which of m these are."""

    w: Array
    a: Array
    lengths: Array
    directions: Array
    there: Places
    m: int
    homogeneous: bool
    parity: int

    @classmethod
    def of(cls, w: Array, a: Array, homogeneous: bool, parity: int) -> _Neurons:
        lengths = np.linalg.norm(w, axis=0)
        amplitudes = np.abs(a) * lengths
        order = np.argsort(-amplitudes, kind="stable")  # so that of centres that cover alike the largest is taken
        there = order[amplitudes[order] > 0]
        w, lengths = w.take(there, axis=1), lengths.take(there)
        return cls(w, a.take(there), lengths, w / lengths, there, len(a), homogeneous, parity)

    @property
    def none(self) -> Merged:
        return Merged(self.w[:, :0], self.a[:0], np.full(self.m, -1))

    @property
    def as_they_were(self) -> Merged:
        return Merged(self.w, self.a, self._members(np.arange(len(self.a))))

    def gathered(self, threshold: float, counts: Sequence[int]) -> Iterator[_Groups]:
        """Return the groups around the first directions of a cover, for ever more of them; good until the next."""
        lines, directions = self.parity != 0, self.directions
        amplitudes = np.abs(self.a) * self.lengths
        found = cover(directions, amplitudes, threshold=threshold, fraction=1.0, most=counts[-1], lines=lines)
        centres, closeness = directions.take(found.centres, axis=1), np.full(len(self.a), -np.inf)
        groups = _Groups(np.zeros(len(self.a), np.int64), np.ones(len(self.a)))
        start = 0
        for count in counts:
            if start == len(found):
                return
            stop = min(count, len(found))
            _approach(groups, closeness, directions, centres[:, start:stop], start, lines)
            yield groups
            start = stop

    def merged(self, groups: _Groups, threshold: float) -> Merged:
        """Return the network with one neuron a group, or one for either sign of a."""
        q = math.sqrt(1 - threshold**2)
        w = self.w * groups.sides if self.parity else self.w
        negative = self.a * groups.sides < 0 if self.parity < 0 else self.a < 0
        places = groups.places if self.homogeneous else _shells(groups.places, self.lengths, (1 + q) / (1 - q))
        halves = _Halves.of(2 * places + negative, w, np.abs(self.a), self.lengths)
        one = halves.alike(threshold, None if self.homogeneous else q)
        merged_w, merged_a = halves.neurons(one, self.homogeneous)
        left = np.flatnonzero(merged_a)
        numbers = np.full(len(merged_a), -1)
        numbers[left] = np.arange(len(left))
        return Merged(merged_w[:, left], merged_a[left], self._members(numbers[2 * places + (negative & ~one[places])]))

    def _members(self, numbers: Places) -> Places:
        members = np.full(self.m, -1)
        members[self.there] = numbers
        return members


def _approach(groups: _Groups, closeness: Array, directions: Array, new: Array, first: int, lines: bool) -> None:
    """Move the neurons that are closer to one of the new directions, the first of which has this number, over to it."""
    size = max(1, TILE // new.shape[1])
    for start in range(0, len(closeness), size):
        tile = slice(start, start + size)
        cosines = new.T @ directions[:, tile]
        sized = np.abs(cosines) if lines else cosines
        best = sized.argmax(axis=0)
        value = np.take_along_axis(sized, best[None], axis=0)[0]
        closer = np.flatnonzero(value > closeness[tile])
        closeness[tile][closer] = value[closer]
        groups.places[tile][closer] = first + best[closer]
        groups.sides[tile][closer] = np.where(cosines[best[closer], closer] < 0, -1.0, 1.0) if lines else 1.0


def _shells(places: Places, lengths: Array, ratio: float) -> Places:
    """Return the groups cut into shells of lengths, each from its largest down by this ratio."""
    largest = np.zeros(places.max() + 1)
    np.maximum.at(largest, places, lengths)
    shells = np.floor(np.log(largest[places] / lengths) / math.log(ratio)).astype(np.int64)
    found: Places = places * (shells.max() + 1) + shells
    return found


@dataclass(frozen=True)
class _Halves:
    """Sums over the neurons of k groups with a > 0, and with a < 0, on the last axis: of |a| w, |a|, a^2 and |w|^2."""

    vectors: Array  # (r, k, 2)
    a: Array  # (k, 2)
    a_squares: Array
    w_squares: Array

    @classmethod
    def of(cls, halves: Places, w: Array, a: Array, lengths: Array) -> _Halves:
        """Return the sums, the half of every neuron and its |a| being given."""
        k = int(halves.max()) // 2 + 1
        vectors, *others = (
            np.array([np.bincount(halves, row, 2 * k).reshape(k, 2) for row in rows])
            for rows in (a * w, [a], [a**2], [lengths**2])
        )
        return cls(vectors, *(other[0] for other in others))

    def alike(self, threshold: float, q: float | None) -> Flags:
        """Return which groups are one neuron: they add up to zero, or V / a is a neuron of the group.

        Its direction has to be in the cone and, where q is given, its length off the mean by less than this share.
        """
        sums, absolute = self.vectors @ SIGNED, self.vectors.sum(axis=-1)
        size, whole, inner = np.linalg.norm(sums, axis=0), np.linalg.norm(absolute, axis=0), (sums * absolute).sum(0)
        inside: Flags = np.abs(inner) >= threshold * size * whole
        if q is not None:
            a, total = self.a @ SIGNED, self.a.sum(axis=-1)
            length, mean = size * total, whole * np.abs(a)
            inside &= (inner * a >= 0) & (np.abs(length - mean) <= q * mean)
        return inside | self.cancel

    @property
    def cancel(self) -> Flags:
        """Which groups add up to zero."""
        size, whole = (np.linalg.norm(self.vectors @ signs, axis=0) for signs in (SIGNED, np.abs(SIGNED)))
        zero: Flags = (size <= ROUNDING * whole) & (np.abs(self.a @ SIGNED) <= ROUNDING * self.a.sum(axis=-1))
        return zero

    def neurons(self, one: Flags, homogeneous: bool) -> tuple[Array, Array]:
        """Return w (r, 2k) and a (2k,): of a group that is one neuron the second is zero, of one that cancels both."""
        vectors, a = _signed(self.vectors, one), _signed(self.a, one)
        vectors[:, self.cancel], a[self.cancel] = 0, 0
        if not homogeneous:
            return _flat(vectors / np.where(a == 0, 1, a)), _flat(a)
        inside = np.where(one[:, None], self.vectors.sum(axis=-1, keepdims=True), self.vectors)  # vectors of the cone
        sign = np.sign((vectors * inside).sum(axis=0))
        size = np.linalg.norm(vectors, axis=0)
        w_squares, a_squares = (_joined(squares, one) for squares in (self.w_squares, self.a_squares))
        ratio = np.sqrt(w_squares / np.where(a_squares == 0, 1, a_squares))
        ratio, divisor = np.where(ratio == 0, 1, ratio), np.where(size == 0, 1, size)
        return _flat(vectors * sign * np.sqrt(ratio / divisor)), _flat(sign * np.sqrt(size / ratio))


def _joined(sums: Array, one: Flags) -> Array:
    """Return sums with both halves in the first, and zero in the second, of the groups that are one neuron."""
    both = np.stack([sums.sum(axis=-1), np.zeros(sums.shape[:-1])], axis=-1)
    return np.where(one[:, None], both, sums)


def _signed(sums: Array, one: Flags) -> Array:
    """Return sums weighted by |a| as sums weighted by a, joined as `_joined`."""
    return _joined(sums * SIGNED, one)


def _flat(values: Array) -> Array:
    """Return (.., k, 2) as (.., 2k)."""
    return values.reshape(*values.shape[:-2], -1)


def _check(w: Array, a: Array, threshold: float, parity: int) -> None:
    if w.ndim != 2 or w.shape[1:] != a.shape:
        raise ValueError(
            f"w of shape {w.shape} and a of shape {a.shape} are not the weights of m neurons: "
            "w has to be (r, m) and a (m,), a neuron a column; transpose w of a snapshot"
        )
    if not 0 < threshold < 1:
        raise ValueError(f"threshold = {threshold!r} is not allowed: a cosine above 0, below 1, such as 0.95")
    if parity not in (-1, 0, 1):
        raise ValueError(f"parity = {parity!r} is not allowed: -1 for odd s, 1 for even s, 0 for neither")
