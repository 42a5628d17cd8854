"""Directions: which neurons point the same way, by the cover that counts clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.tables.bounds import sign

__all__ = ["Groups", "groups", "stable"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Groups:
    """The directions that cover the neurons, or lines, those of most amplitude first.

    Attributes:
        member: For each neuron the place of its direction, -1 if it is covered by none, shape (m,).
        sign: -1 for neurons opposite to the centre of their line, else 1, shape (m,).
        directions: Unit vectors, shape (d, directions).
        shares: The share of the amplitude on each.
        capped: There are more: the count stopped at its cap.
        exact: Every neuron was tried as a centre, see `condense.measure.clusters.Cover`.
    """

    member: NDArray[np.int64]
    sign: NDArray[np.int64]
    directions: Values
    shares: Values
    capped: bool
    exact: bool

    def __len__(self) -> int:
        return len(self.shares)

    @property
    def count(self) -> str:
        """How many there are, as it is written: "≥200" if there are more, "≈200" if not every neuron was tried."""
        return f"{sign(self.capped, self.exact)}{len(self)}"


def groups(
    w: Values, amplitudes: Values, *, lines: bool = True, threshold: float = 0.95, fraction: float = 0.99
) -> Groups:
    """Return the directions or lines of neurons of shape (m, d) by the rule of `condense.measure.clusters.covers`.

    A neuron belongs to the first centre taken with a cosine above the threshold to it.
    """
    from condense.measure.clusters import cover  # compiles loops: a third of a second that other figures do without

    lengths = np.linalg.norm(w, axis=1, keepdims=True)
    units = np.divide(w, lengths, out=np.zeros_like(w), where=lengths > 0)
    found = cover(
        units.T, np.where(lengths[:, 0] > 0, amplitudes, 0.0), lines=lines, threshold=threshold, fraction=fraction
    )
    cosines = units @ units[found.centres].T
    near = (np.abs(cosines) if lines else cosines) > threshold
    told = found.directions, found.shares, found.capped, found.exact
    if not len(found):
        return Groups(np.full(len(w), -1), np.ones(len(w), np.int64), *told)
    first = near.argmax(axis=1)
    member = np.where(near.any(axis=1), first, -1)
    opposite = lines & (cosines[np.arange(len(w)), first] < 0)
    return Groups(member, np.where(opposite, -1, 1), *told)


def stable(angles: Values, velocity: Values, *, lines: bool = True, tolerance: float = 0.05) -> Values:
    """Return the angles that neurons turn to in a field of velocities, of lines in [0, pi) or of directions.

    Neurons of a > 0 turn to a direction where the angular velocity falls through zero; those of a < 0, which move the
    other way, to one where it rises through zero. So every zero is stable for one sign of a.

    Args:
        angles: evenly spaced angles of a whole turn, shape (k,).
        velocity: dw/dt there for a = 1, shape (k, 2).
        lines: take a direction and its opposite for one.
        tolerance: what differs by less, in radians, is one.
    """
    turning = velocity[:, 1] * np.cos(angles) - velocity[:, 0] * np.sin(angles)
    after, step = np.roll(turning, -1), angles[1] - angles[0]
    crossing = np.flatnonzero((turning >= 0) != (after >= 0))
    period = np.pi if lines else 2 * np.pi
    zeros = np.sort((angles[crossing] + step * turning[crossing] / (turning[crossing] - after[crossing])) % period)
    if not len(zeros):
        return zeros
    gaps = np.diff(zeros, prepend=zeros[-1] - period)
    return zeros[gaps > tolerance] if (gaps > tolerance).any() else zeros[:1]
