"""Full-batch gradient descent in NumPy: growing steps, and the fixed step of Luo et al."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.baselines.case import Array, Case, Deadline, Outcome
from benchmarks.baselines.gradient import Gradient

__all__ = ["fixed_descent", "growing_descent"]

CAP = 800_000
"""Steps of the authors, at most."""


def growing_descent(case: Case, budget: float = math.inf, growth: float = 1.05) -> Outcome:
    """Return the end of theta <- theta - dt F e with steps that grow until they fail.

    A step that raises the loss is taken back and dt halved; any other lets dt grow by the factor `growth`. It starts
    from dt = 1 / lambda_max(K). The last step is not shortened to land on the stop.
    """
    gradient, deadline = Gradient(case), Deadline(budget)
    theta, trial, velocity = (case.start.copy() for _ in range(3))
    dt = 1 / gradient.fastest(theta)
    residual = gradient.residual(theta)
    loss, steps, status = _mean_square(residual), 0, "converged"
    gradient.velocity(theta, residual, velocity)
    while loss > case.stop:
        if deadline.passed:
            status = "budget"
            break
        np.multiply(velocity, dt, out=trial)
        np.add(trial, theta, out=trial)
        residual = gradient.residual(trial)
        reached = _mean_square(residual)
        steps += 1
        if reached <= loss:
            theta, trial, loss = trial, theta, reached
            gradient.velocity(theta, residual, velocity)
            dt *= growth
        else:
            dt /= 2
    return Outcome(case.relative_change(theta[:-1]), loss, steps, gradient.evaluations, status)


def fixed_descent(case: Case, budget: float = math.inf, c: float | None = None, cap: int = CAP) -> Outcome:
    """Return the end of descent on the raw parameters at the fixed rate c alpha sqrt(beta1 beta2) of Luo et al.

    At the first rise of the loss c is halved and the run starts again; `cap` steps of an attempt end it. In the clock
    of the normalised parameters the step is rate / alpha. Without c it starts from the largest step that is stable at
    the start, 2 / lambda_max(K), which the authors, who set c by hand, did not have. They draw again for every
    attempt; here the draw is kept.
    """
    gradient, deadline, scales = Gradient(case), Deadline(budget), case.scales
    unit = math.sqrt(scales.beta1 * scales.beta2)
    c = c or 2 / gradient.fastest(case.start) / unit
    steps, status = 0, "raised"
    while status == "raised":
        theta = case.start.copy()
        loss, taken, status = _attempt(case, gradient, theta, c * unit, cap, deadline)
        steps += taken
        c /= 2
    return Outcome(case.relative_change(theta[:-1]), loss, steps, gradient.evaluations, status)


def _attempt(
    case: Case, gradient: Gradient, theta: Array, dt: float, cap: int, deadline: Deadline
) -> tuple[float, int, str]:
    """Descend at a fixed step, moving theta; return the loss, the steps taken and how it ended."""
    velocity = np.empty_like(theta)
    loss = math.inf
    for step in range(cap + 1):
        residual = gradient.residual(theta)
        reached = _mean_square(residual)
        if not reached <= loss:
            return reached, step, "raised"
        loss = reached
        if loss <= case.stop:
            return loss, step, "converged"
        if deadline.passed:
            return loss, step, "budget"
        np.multiply(gradient.velocity(theta, residual, velocity), dt, out=velocity)
        np.add(theta, velocity, out=theta)
    return loss, cap, "cap"


def _mean_square(residual: Array) -> float:
    return float(residual @ residual) / len(residual)
