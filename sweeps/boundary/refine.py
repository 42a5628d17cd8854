"""Where the next points of a level line belong: adaptive's triangles, the uncertainty of the line in each, the repeats.

A value F(x, y) is known at points, each with the half-width of its interval. The line F = level is sought as x(y). In a
triangle that it crosses, it is uncertain by

    interpolation    max |C - level| / |dF/dx|   over the line of the linear interpolant, C Clough and Tocher's cubic
    noise            max half-width / |dF/dx|    over the corners, which share their seeds: their errors do not average

and by the root of the sum of squares in all. N points along the line and K repeats cost N K, and leave an error of
O(1/N^2) and O(1/sqrt(K)): the cost is least where the noise has 8/10 of the square of the precision, and interpolation
the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from adaptive import Learner2D
from numpy.typing import NDArray
from scipy.special import stdtrit

from sweeps.boundary.triangles import Crossed

__all__ = ["Level", "Line", "Observed", "Point", "Uncertainty"]

NOISE, INTERPOLATION = 0.8**0.5, 0.2**0.5
"""Shares of the precision that may be left by repeats and by points."""

FINEST = 1e-4
"""Points are rounded to the decimal place at this part of the rectangle's sides, or the next below."""

FEWEST = 8
"""Repeats from which on an interval is believed to be as narrow as it says: who stops at those that happen to be narrow
covers 85 % instead of 90 with 4 repeats at least, 88 % with 8."""

UNKNOWN = 1e9
"""Half of an interval that is not known: repeats are to come before points."""

SURE = 0.8
"""A round is for this part of the precision, lest the interval of the whole line, which is made otherwise, is wider."""

Array = NDArray[np.float64]
Point = tuple[float, float]


class Observed(NamedTuple):
    """What is known of a point: the value, half of its interval and how many repeats these come from."""

    value: float
    half: float
    repeats: int


class Uncertainty(NamedTuple):
    """How well the line is known where it is known least: half of an interval in x, and where that is."""

    half: float
    at: Point


@dataclass(frozen=True)
class Level:
    """A level whose line x(y) is sought in a rectangle.

    Args:
        bounds: of x and of y.
        level: the value on the line.
        precision: half of the interval of x that is asked for; None: as good as the budget allows.
        repeats: the most of a point.
    """

    bounds: tuple[tuple[float, float], tuple[float, float]]
    level: float = 0.0
    precision: float | None = None
    repeats: int = 32

    @property
    def _corner(self) -> Array:
        return np.array([low for low, _ in self.bounds])

    @property
    def span(self) -> Array:
        """The sides of the rectangle."""
        return np.array([high - low for low, high in self.bounds])

    def rounded(self, point: Point) -> Point:
        """Return a point with as many decimals as tell points of this rectangle apart, or on its very edge."""
        x, y = (_rounded(float(value), *bounds) for value, bounds in zip(point, self.bounds, strict=True))
        return x, y

    def inside(self, point: Point) -> bool:
        """Whether a point lies in the rectangle."""
        return all(low <= value <= high for value, (low, high) in zip(point, self.bounds, strict=True))

    def grid(self, along_x: int, along_y: int) -> list[Point]:
        """Return the points of an even grid, the corners of the rectangle among them."""
        xs, ys = (np.linspace(*bounds, n) for bounds, n in zip(self.bounds, (along_x, along_y), strict=True))
        return [self.rounded((x, y)) for y in ys for x in xs]

    def around(self, known: Mapping[Point, Observed]) -> list[Point]:
        """Return the corners of the rectangle, and those of the triangles of known points that the line crosses."""
        line = self.line(known)
        met = [line.points[k] for k in np.unique(line.crossed.corners)] if line else []
        return [*dict.fromkeys([*self.grid(2, 2), *met])]

    def line(self, known: Mapping[Point, Observed]) -> Line | None:
        """Return what is known of the line; None while no triangle of the points is crossed by it."""
        known = {point: each for point, each in known.items() if self.inside(point)}
        values = [each.value for each in known.values() if np.isfinite(each.value)]
        if not values or min(values) >= self.level or max(values) < self.level or self._flat(list(known)):
            return None
        return Line(self, known)

    def _flat(self, points: list[Point]) -> bool:
        """Whether points lie on a straight line, and so have no triangles."""
        places = np.array(points) / self.span
        return bool(np.linalg.matrix_rank(places - places.mean(axis=0), tol=FINEST) < 2)


@dataclass(frozen=True)
class Line:
    """What some points tell of the line: how uncertain it is, and what to compute next."""

    level: Level
    known: Mapping[Point, Observed] = field(repr=False)

    @property
    def points(self) -> list[Point]:
        """The points in the order of the triangulation."""
        return list(self.known)

    @cached_property
    def crossed(self) -> Crossed:
        """The triangles that the line crosses."""
        return Crossed(self._learner().interpolator(scaled=True))

    @cached_property
    def uncertainty(self) -> Uncertainty:
        """How well the line is known where it is known least; not at all where a point has no interval."""
        half = np.hypot(self.crossed.interpolation, self._noise)
        worst = int(np.argmax(half))
        x, y = (self.crossed.middles[worst] + 0.5) * self.level.span + self.level._corner
        return Uncertainty(float(half[worst] * self.level.span[0]), (float(x), float(y)))

    @property
    def _noise(self) -> Array:
        known = np.array([np.isfinite(each.half) for each in self.known.values()])
        return np.where(known[self.crossed.corners].all(axis=1), self.crossed.noise, np.inf)

    @property
    def _precision(self) -> float:
        """What the next round is for, in the unit of the triangles."""
        half, _ = self.uncertainty
        wanted = self.level.precision or (half if np.isfinite(half) else self.level.span[0]) / 2
        return float(SURE * wanted / self.level.span[0])

    @property
    def settled(self) -> bool:
        """Whether the line is known as well as is asked for."""
        known = self.level.precision is not None and self.uncertainty.half <= self.level.precision
        return known and not self.crossed.large.any()

    def new(self, most: int) -> dict[Point, int]:
        """Return at most so many new points where interpolation is not good enough, with the repeats of each."""
        learner, found = self._learner(partial(_losses, precision=self._precision)), dict[Point, int]()
        while len(found) < most:
            [asked], [loss] = learner.ask(1)
            point = self.level.rounded(asked)
            if not loss or point in self.known or point in found:  # good enough, or the finest grid is reached
                break
            found[point] = self._repeats_around(point)
        return found

    def more(self) -> dict[Point, int]:
        """Return the repeats to go on to, of the points whose intervals are too wide for the line beside them.

        Only triangles that need no points count: the corners of others may soon not matter.
        """
        crossed, wanted = self.crossed, dict[Point, int]()
        bent = np.minimum(crossed.interpolation, INTERPOLATION * self._precision)
        good = ~crossed.large & ((crossed.interpolation <= bent) | ~crossed.bent)
        halves = np.sqrt(self._precision**2 - bent**2) * crossed.slopes
        for corners, half in zip(crossed.corners[good], halves[good], strict=True):
            for point in (self.points[k] for k in corners):
                wanted[point] = max(self._needed(self.known[point], half), wanted.get(point, 0))
        return {point: repeats for point, repeats in wanted.items() if repeats > self.known[point].repeats}

    def _needed(self, observed: Observed, half: float) -> int:
        """Return the repeats with which the interval has this half-width; at most twice those there are."""
        value, now, repeats = observed
        if not np.isfinite(value):
            return repeats  # no run of it counts, and more would hardly
        most = min(max(2 * repeats, FEWEST), self.level.repeats)
        counts = np.arange(max(repeats, FEWEST), most + 1)
        if not np.isfinite(now) or not len(counts):
            return min(FEWEST, most)
        enough = counts[now * _width(counts) / _width(repeats) <= half]
        return int(enough[0] if len(enough) else most)

    def _repeats_around(self, point: Point) -> int:
        """Return the most repeats of the points around, which are what the noise there has asked for so far."""
        triangles, unit = self.crossed.triangles, (np.array(point) - self.level._corner) / self.level.span - 0.5
        [triangle] = triangles.find_simplex(unit[None])
        return max(self.known[self.points[k]].repeats for k in triangles.simplices[triangle])

    def _learner(self, losses: Any = None) -> Learner2D:
        learner = Learner2D(None, self.level.bounds, loss_per_triangle=losses)
        learner.stack_size = 1  # each point is chosen in view of all others
        for point, (value, half) in _filled(self.known).items():
            learner.tell(point, [value - self.level.level, half])
        return learner


def _losses(ip: Any, precision: float) -> Array:
    """Return the error by interpolation of the triangles in which points can help, 0 for all others."""
    losses, crossed = np.zeros(len(ip.tri.simplices)), Crossed(ip)
    if len(crossed.which):
        error = crossed.interpolation
        wanting = (np.hypot(error, crossed.noise) > precision) & (error > INTERPOLATION * precision) & crossed.bent
        losses[crossed.which] = np.where(wanting | crossed.large, error, 0)
    return losses


def _rounded(value: float, low: float, high: float) -> float:
    step = FINEST * (high - low)
    for edge in (low, high):
        if abs(value - edge) < step:
            return edge
    return round(value, int(np.ceil(-np.log10(step))))


def _width(repeats: Any) -> Any:
    """Return t / sqrt(n), which half of a t-interval is proportional to."""
    return stdtrit(repeats - 1, 0.95) / np.sqrt(repeats)


def _filled(known: Mapping[Point, Observed]) -> dict[Point, tuple[float, float]]:
    """Return values and half-widths; a point without has those of the nearest, so that it is not asked again."""
    there = {point: (each.value, each.half) for point, each in known.items() if np.isfinite(each.value)}
    places, values = np.array(list(there)), list(there.values())
    filled = {point: there.get(point) or values[_nearest(places, point)] for point in known}
    return {point: (value, half if np.isfinite(half) else UNKNOWN) for point, (value, half) in filled.items()}


def _nearest(places: Array, point: Point) -> int:
    return int(np.argmin(np.linalg.norm(places - point, axis=1)))
