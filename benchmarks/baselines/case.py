"""What a baseline gets and what it gives: one two-layer ReLU network on the plane, and how its training ended."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condense import data
from condense.planes.two_layer import PlanePoint, Scales

__all__ = ["Case", "Deadline", "OutOfTimeError", "Outcome"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Case:
    """An antisymmetric ReLU network of width m at a point of the plane, on the four points of Luo et al. 2021.

    f = kappa sum_k a_k s(w_k . x) over both copies, with w and a standard normal at the start (`condense.networks`).
    The bias is appended to the inputs, which span the whole plane: n = 4, r = 2.
    """

    gamma: float
    gamma_prime: float
    width: int
    seed: int
    stop: float = 1e-6  # the mean square residual (1/n) sum e^2 to end at

    @property
    def scales(self) -> Scales:
        """alpha = 1, beta1 and beta2."""
        return Scales.at(PlanePoint(self.gamma, self.gamma_prime), self.width)

    @functools.cached_property
    def inputs(self) -> Array:
        """X, shape (n, r)."""
        x = data.parabola().x
        return np.column_stack([x, np.ones(len(x))])

    @functools.cached_property
    def targets(self) -> Array:
        """y, shape (n,)."""
        return data.parabola().y

    @property
    def start(self) -> Array:
        """The rows of w and then a, of both copies, neurons contiguous: shape (r + 1, 2 m), not to be written to."""
        return _draw(self.width, self.seed, self.inputs.shape[1])

    def relative_change(self, w: Array) -> float:
        """Return RD_w = |w - w(0)| / |w(0)| of the first copy, for w of shape (r, 2 m)."""
        origin = self.start[:-1, : self.width]
        return float(np.linalg.norm(w[:, : self.width] - origin) / np.linalg.norm(origin))


@functools.lru_cache(maxsize=2)  # of all runs of a width, one after another
def _draw(width: int, seed: int, rank: int) -> Array:
    """Return the draw of condense.networks, which depends on width and seed alone."""
    a = _stream(seed, width, 0).standard_normal(width)
    w = _stream(seed, width, 1).standard_normal((rank, width))
    return np.hstack([np.vstack([w, a]), np.vstack([w, -a])])


def _stream(seed: int, width: int, stream: int) -> np.random.Generator:
    # as condense.networks.base.numpy_stream, without importing torch
    return np.random.default_rng(np.random.SeedSequence([seed, width, stream]))


@dataclass(frozen=True)
class Outcome:
    """How a training ended: RD_w and the mean square residual there, and what it took."""

    rd_w: float
    mse: float
    steps: int  # tried, rejected ones included
    evaluations: int  # of all features
    status: str = "converged"  # or "cap" (steps), "budget" (wall time)

    def as_json(self) -> dict[str, Any]:
        """Return the fields."""
        return dict(vars(self))


class OutOfTimeError(Exception):
    """A training has used up its budget."""


class Deadline:
    """The end of a budget of wall time, in seconds."""

    def __init__(self, budget: float) -> None:
        self._end = time.perf_counter() + budget

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return time.perf_counter() > self._end

    def check(self) -> None:
        """Raise OutOfTimeError if nothing is left."""
        if self.passed:
            raise OutOfTimeError
