"""Gradient flow without a learning rate: an exponential integrator in function space.

The residual e of the n outputs obeys de/dt = -K(theta) e, linear as long as the features stand still. So e is
integrated exactly and only the features are stepped; the step is as long as the features allow.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from condense import schema
from condense.flows.base import RUNNING, Flow, State, mean_square, merge
from condense.networks.base import Gauge, Point, Stage

__all__ = ["ExponentialFlow", "phi", "psi"]

HUGE = 1e100
"""A kernel entry beyond this is treated as not finite."""

GIVE_UP = 40
"""Trials in a row that were not finite, each a fifth as long, before a run is called nonfinite."""

WALL = 1e-9
"""A run whose trials are not finite even at this share of the time it has come is called nonfinite."""

LANDING = 0.02
"""A run has landed when its mean square residual lies below the stop by at most this share of the stop or, if that is
less, of what it was to fall."""

LANDED = 1e-6
"""An error of the logarithm of the mean square residual, far within what `LANDING` allows unless less than a thousandth
is to fall."""

NEWTON = 60
"""Steps of Newton's at most that look for the time of landing; a few are enough."""


def phi(z: Tensor) -> Tensor:
    """Return (1 - exp(-z)) / z, z >= 0.

    >>> phi(torch.tensor([0.0, 2.0], dtype=torch.float64))
    tensor([1.0000, 0.4323], dtype=torch.float64)
    """
    return torch.where(z == 0, 1.0, -torch.expm1(-z) / z.where(z != 0, 1.0))


def psi(z: Tensor) -> Tensor:
    """Return (1 - exp(-z) (1 + z)) / z^2, z >= 0, by its series where the difference would cancel.

    >>> psi(torch.tensor([0.0, 2.0], dtype=torch.float64))
    tensor([0.5000, 0.1485], dtype=torch.float64)
    """
    small = z < 1e-3
    x = z.where(~small, 1.0)
    series = 1 / 2 - z / 3 + z**2 / 8 - z**3 / 30
    return torch.where(small, series, (phi(x) - torch.exp(-x)) / x)


class Modes(NamedTuple):
    """Eigen-decomposition of a kernel, with the residual in its basis."""

    rates: Tensor  # lambda >= 0, (R, n)
    vectors: Tensor  # Q, (R, n, n)
    residual: Tensor  # Q^T e, (R, n)

    @classmethod
    def of(cls, kernel: Tensor, residual: Tensor) -> Modes:
        rates, vectors = torch.linalg.eigh(kernel)
        return cls(rates.clamp(min=0), vectors, torch.matmul(vectors.mT, residual[..., None])[..., 0])

    def back(self, weights: Tensor) -> Tensor:
        """Return Q diag(weights) Q^T e."""
        return torch.matmul(self.vectors, (weights * self.residual)[..., None])[..., 0]

    def mean_square(self, time: Tensor) -> Tensor:
        """Return the mean square of exp(-K t) e."""
        return mean_square(self.residual * torch.exp(-self.rates * time[:, None]))


class Trial(NamedTuple):
    """A step that may be accepted."""

    stage: Stage
    modes: Modes  # of the mean kernel of the step
    error: Tensor  # r of the error test, infinite where the trial is not finite


class ExponentialFlow(Flow[schema.Exponential]):
    """Adaptive second-order exponential steps, each run with its own.

    From theta0, e0 with K(theta0), a predictor theta_p = theta0 - F(theta0) dt phi(K dt) e0; then with the mean
    kernel K~ of both ends, the features linear in between,

        theta1 = theta0 - F(theta0) (E1 - E2) - F(theta_p) E2,   E1 = dt phi(K~ dt) e0,   E2 = dt psi(K~ dt) e0.

    A step is accepted if |theta1 - theta_p| <= rtol |theta1 - theta(0)| in every block, so that the relative change
    itself has a relative error of about rtol however small it is, and |e(theta1) - exp(-K~ dt) e0| <= 10 rtol |e0|;
    the next is .9 r^-1/2 times as long (between .2 and 3), r the larger ratio. The stop is located inside the last
    step. `time` is in the clock of `condense.networks.base`.

    What a network does within the formulas for theta_p and theta1 is its own: neurons of a ReLU network with few data
    points are followed through their kinks (`condense.networks.kinks`).
    """

    needs_kernel = True

    def prepare(self, state: State) -> State:
        """Choose the first dt: .01 of the time in which the fastest block would move by its own size."""
        rates = [torch.where(size > 0, v / size, 0) for v, size in zip(*state.stage.pace(state.residual), strict=True)]
        fastest = torch.stack(rates).nan_to_num(0.0).amax(dim=0)
        dt = torch.where(fastest > 0, 0.01 / fastest, 1.0)
        failures = torch.zeros_like(state.steps)
        landed = state.stop - LANDING * torch.minimum(state.stop, (state.mse - state.stop).clamp(min=0))
        return replace(state, memory={"dt": dt, "failures": failures, "landed": landed})

    def attempt(self, state: State) -> State:
        """Try a step of every run: accept it, reject it, or shorten it to land on the stop."""
        dt = self._within_horizon(state)
        kernel, finite = _tame(state.stage)
        modes = Modes.of(kernel, state.residual)
        state = state.end("nonfinite", ~finite).end("stalled", _stalled(modes) | _at_rounding(state))
        trial = self._trial(state, kernel, modes, dt)
        factor = (0.9 * trial.error.clamp(min=1e-6) ** -0.5).clamp(0.2, 3.0)
        running = state.status == RUNNING
        good = (trial.error <= 1) & running
        below = mean_square(trial.stage.outputs - state.targets)
        landed = state.memory["landed"]
        overshot = good & (below < landed)
        accepted = good & ~overshot
        dt_next = dt * factor
        if overshot.any():
            aim = (landed + state.stop) / 2
            dt_next = torch.where(overshot, _time_to(aim, trial.modes, below, dt), dt_next)
        failures = torch.where(trial.error.isinf(), state.memory["failures"] + 1, 0)
        state = replace(
            state,
            stage=merge(accepted, trial.stage, state.stage),
            time=torch.where(accepted, state.time + dt, state.time),
            steps=state.steps + running,
            memory={"dt": dt_next, "failures": failures, "landed": landed},
        )
        at_a_wall = trial.error.isinf() & (dt < WALL * state.time)
        state = state.end("nonfinite", at_a_wall | (failures >= GIVE_UP))
        return state.end("max_steps", accepted & (state.time >= self.config.horizon))

    def _within_horizon(self, state: State) -> Tensor:
        dt: Tensor = state.memory["dt"]
        if math.isinf(self.config.horizon):
            return dt
        return torch.minimum(dt, self.config.horizon - state.time)

    def _trial(self, state: State, kernel: Tensor, modes: Modes, dt: Tensor) -> Trial:
        stage0 = state.stage
        step = dt[:, None]
        predicted = stage0.predict(step * modes.back(phi(modes.rates * step)))
        kernel_p, finite = _tame(predicted)
        mean = Modes.of((kernel + kernel_p) / 2, state.residual)
        E1 = step * mean.back(phi(mean.rates * step))
        E2 = step * mean.back(psi(mean.rates * step))
        stage1, gauge = stage0.correct(E1 - E2, predicted, E2)
        error = torch.stack([*self._moves(gauge), self._misfit(state, stage1, mean, step)]).amax(dim=0)
        sound = finite & _finite(stage1) & error.isfinite()
        return Trial(stage1, mean, torch.where(sound, error, torch.inf))

    def _moves(self, gauge: Gauge) -> list[Tensor]:
        return [
            torch.where(miss == 0, 0, miss / (self.config.rtol * change))
            for miss, change in zip(gauge.miss, gauge.change, strict=True)
        ]

    def _misfit(self, state: State, stage1: Stage, mean: Modes, step: Tensor) -> Tensor:
        predicted = mean.back(torch.exp(-mean.rates * step))
        e0 = state.residual
        miss: Tensor = torch.linalg.vector_norm(stage1.outputs - state.targets - predicted, dim=1)
        size: Tensor = torch.linalg.vector_norm(e0, dim=1)
        return miss / size / (10 * self.config.rtol)


def _tame(stage: Point) -> tuple[Tensor, Tensor]:
    """Return the kernel with those that are not finite replaced by 1, so that eigh spares their neighbours."""
    finite = _finite(stage)
    if finite.all():
        return stage.kernel, finite
    identity = torch.eye(stage.kernel.shape[-1], dtype=stage.kernel.dtype, device=stage.kernel.device)
    return stage.kernel.where(finite[:, None, None], identity), finite


def _finite(stage: Point) -> Tensor:
    """Return which runs have finite outputs and a kernel that eigh can take."""
    return (stage.kernel.abs() < HUGE).flatten(1).all(dim=1) & stage.outputs.isfinite().all(dim=1)


def _stalled(modes: Modes) -> Tensor:
    """Whether e^T K e <= 1e-12 lambda_max |e|^2: nothing that is left of the residual can be reduced."""
    squares = modes.residual**2
    slowest = max(1e-12, 10 * torch.finfo(squares.dtype).eps)
    return (modes.rates * squares).sum(dim=1) <= slowest * modes.rates.amax(dim=1) * squares.sum(dim=1)


def _at_rounding(state: State) -> Tensor:
    """Whether what is left of the residual is the rounding of its two terms."""
    size = (state.stage.outputs.abs() + state.targets.abs()).amax(dim=1)
    return state.residual.abs().amax(dim=1) <= 4 * torch.finfo(size.dtype).eps * size


def _time_to(aim: Tensor, modes: Modes, reached: Tensor, dt: Tensor) -> Tensor:
    """Return the time at which exp(-K~ t) e0, scaled to what the step really reached, falls to a mean square.

    The logarithm of the mean square is convex in t and falls, so that Newton's steps from 0 never pass the root; dt
    where there is none before. A run stops by its own test: its digits do not depend on its company in the batch.
    """
    bias = (reached / modes.mean_square(dt)).log().nan_to_num(0.0, 0.0, 0.0) / dt
    time = torch.zeros_like(dt)
    for _ in range(NEWTON):
        squares = (modes.residual * torch.exp(-modes.rates * time[:, None])).square()
        total = squares.sum(dim=1)
        above = (total / squares.shape[1]).log() + bias * time - aim.log()
        short = (above > LANDED) & (time < dt)
        if not short.any():
            break
        fall = 2 * (modes.rates * squares).sum(dim=1) / total - bias
        time = torch.where(short, torch.minimum(time + above / fall.clamp(min=0), dt), time)
    return time
