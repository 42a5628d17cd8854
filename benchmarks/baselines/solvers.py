"""The gradient flow handed to general solvers of ordinary differential equations."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace

import numpy as np

from benchmarks.baselines.case import Array, Case, Deadline, Outcome, OutOfTimeError
from benchmarks.baselines.gradient import Gradient

__all__ = ["scipy_flow", "torchdiffeq_flow"]

TOLERANCE = 1e-5
"""Of a step, relative and absolute: the loosest power of ten at which dormand-prince steps are stable on the plane."""

END = 1e15
"""A time that no run reaches."""

EVALUATIONS = 7
"""Of a step of dopri5: six of the velocity, one of the event."""


class _Flow:
    """dtheta/dt = -F e as a function of the flattened parameters, which remembers where it was called last."""

    def __init__(self, case: Case, budget: float = math.inf) -> None:
        self.case, self.gradient, self._deadline = case, Gradient(case), Deadline(budget)
        self.last, self.events = case.start.ravel(), 0

    def velocity(self, flat: Array) -> Array:
        self._deadline.check()
        self.last = flat
        theta = flat.reshape(self.case.start.shape)
        return self.gradient.velocity(theta, self.gradient.residual(theta), np.empty_like(theta)).ravel()

    def distance(self, flat: Array) -> float:
        """Return the logarithm of the mean square residual over the stop."""
        self.events += 1
        residual = self.gradient.residual(flat.reshape(self.case.start.shape))
        return float(np.log(np.mean(residual**2) / self.case.stop))

    def outcome(self, flat: Array, steps: int, status: str) -> Outcome:
        theta = flat.reshape(self.case.start.shape)
        mse = self.case.stop * math.exp(self.distance(flat))
        return Outcome(self.case.relative_change(theta[:-1]), mse, steps, self.gradient.evaluations, status)


def scipy_flow(case: Case, budget: float = math.inf, method: str = "RK45", tolerance: float = TOLERANCE) -> Outcome:
    """Return the end of scipy.integrate.solve_ivp, located by an event on the logarithm of the loss.

    Its steps are counted by the calls of the event: a few more than there were.

    `method` is RK45, RK23, LSODA, Radau or any other of solve_ivp; the implicit ones find the Jacobian by differences
    and solve dense systems of all parameters.
    """
    from scipy.integrate import solve_ivp

    flow = _Flow(case, budget)

    def event(_: float, flat: Array) -> float:
        return flow.distance(flat)

    event.terminal = True  # type: ignore[attr-defined]
    try:
        found = solve_ivp(
            lambda _, flat: flow.velocity(flat),
            (0.0, END),
            case.start.ravel(),
            method=method,
            t_eval=[END],  # else all steps are kept
            events=event,
            rtol=tolerance,
            atol=tolerance,
        )
    except OutOfTimeError:
        return flow.outcome(flow.last, flow.events, "budget")
    except ValueError:  # the implicit ones, of a matrix that is not finite
        return flow.outcome(flow.last, flow.events, "failed")
    if found.status != 1:
        return flow.outcome(flow.last, flow.events, "failed")
    return flow.outcome(found.y_events[0][-1], flow.events, "converged")


def torchdiffeq_flow(case: Case, budget: float = math.inf, tolerance: float = TOLERANCE) -> Outcome:
    """Return the end of torchdiffeq.odeint_event with dopri5, one run at a time.

    A batch would share one step and one event: the fastest run would set the step of all, and the last to reach the
    stop would carry the others beyond it.
    """
    import torch
    from torch import Tensor
    from torchdiffeq import odeint, odeint_event

    deadline, kappa, rate = Deadline(budget), case.scales.kappa, case.scales.kappa_prime
    x, y, shape = torch.as_tensor(case.inputs), torch.as_tensor(case.targets), case.start.shape
    last, calls, status = torch.as_tensor(case.start.ravel()), 0, "budget"

    def features(theta: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal calls
        calls += 1
        h = (x @ theta[:-1]).relu_()
        return kappa * (h @ theta[-1]) - y, h

    def velocity(_: Tensor, flat: Tensor) -> Tensor:
        nonlocal last
        deadline.check()
        last, theta = flat, flat.view(shape)
        residual, h = features(theta)
        push = residual / len(y)
        to_w = (x.T * (-rate * push)) @ (h > 0).to(h.dtype) * theta[-1]
        return torch.cat([to_w.flatten(), (push / -rate) @ h])

    def event(_: Tensor, flat: Tensor) -> Tensor:
        residual, _ = features(flat.view(shape))
        return (residual.square().mean() / case.stop).log()

    options = {"event_fn": event, "odeint_interface": odeint, "method": "dopri5", "rtol": tolerance, "atol": tolerance}
    with torch.no_grad(), contextlib.suppress(OutOfTimeError):
        _, path = odeint_event(velocity, last, torch.zeros((), dtype=last.dtype), **options)
        last, status = path[-1], "converged"
    return replace(_Flow(case).outcome(last.numpy(), calls // EVALUATIONS, status), evaluations=calls)
