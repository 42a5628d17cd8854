"""RD_w of runs at a tight tolerance, as a function of the mean square residual at which they are stopped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from benchmarks import plane
from benchmarks.plane import Point
from condense import schema

__all__ = ["TIGHT", "Reference"]

TIGHT = 3e-4
"""Tolerance of the reference."""

LOOSE = 3e-3
"""Tolerance that is enough for how RD_w goes on below the stop."""

BELOW = 4.0
"""That is taken from a run to the stop and another to this part of it."""

Run = tuple[float, float, int]
"""gamma, gamma', width."""


class Reference:
    """RD_w = RD_w(stop) (mse / stop)^slope, the slope from two looser runs, for runs with seed 0.

    A method that steps over its stop is thereby compared at the place where it has ended.
    """

    def __init__(
        self, points: Iterable[Point], widths: Sequence[int], *, rtol: float = TIGHT, stop: float = 1e-6
    ) -> None:
        places = list(points)
        self.rtol, self.stop = rtol, stop
        self._at_stop = _changes(places, widths, rtol, stop)
        above, below = (_changes(places, widths, LOOSE, each) for each in (stop, stop / BELOW))
        self._slope = {run: math.log(above[run] / below[run]) / math.log(BELOW) for run in above}

    def rd_w(self, gamma: float, gamma_prime: float, width: int, mse: float | None = None) -> float:
        """Return RD_w of a run that ends at this mean square residual, at the stop if none is given."""
        run = gamma, gamma_prime, width
        return float(self._at_stop[run] * ((mse or self.stop) / self.stop) ** self._slope[run])

    def error(self, gamma: float, gamma_prime: float, width: int, rd_w: float, mse: float | None = None) -> float:
        """Return |RD_w / reference - 1|."""
        return abs(rd_w / self.rd_w(gamma, gamma_prime, width, mse) - 1)


def _changes(points: Sequence[Point], widths: Sequence[int], rtol: float, stop: float) -> dict[Run, float]:
    found = plane.runs(points, widths, schema.Exponential(rtol=rtol, stop=stop, max_steps=10**6))
    if not found.converged.all():
        raise RuntimeError(f"the reference does not reach its stop:\n{found[~found.converged]}")
    rows = found.to_dict("records")
    return {(row["gamma"], row["gamma_prime"], int(row["width"])): row["rd_w"] for row in rows}
