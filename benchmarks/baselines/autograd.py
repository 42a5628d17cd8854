"""The training loop that most would write: PyTorch, autograd, and a rate that grows or is halved."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from benchmarks.baselines.case import Case, Deadline, Outcome
from benchmarks.baselines.gradient import Gradient

__all__ = ["TwoLayerNet", "autograd_descent"]


class TwoLayerNet(nn.Module):
    """f = (1/alpha) sum_k a_k max(w_k . x, 0) with the raw parameters of a case."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        scales, start = case.scales, torch.as_tensor(case.start)
        self.alpha = scales.alpha
        self.w = nn.Parameter(scales.beta2 * start[:-1])
        self.a = nn.Parameter(scales.beta1 * start[-1])

    def forward(self, x: Tensor) -> Tensor:
        """Return f for inputs of shape (n, r)."""
        f: Tensor = torch.relu(x @ self.w) @ self.a / self.alpha
        return f


def autograd_descent(case: Case, budget: float = math.inf, growth: float = 1.05) -> Outcome:
    """Return the end of full-batch descent on L = (1/2n) sum e^2 by autograd.

    A step that raises the loss is taken back and the rate halved; any other lets it grow by the factor `growth`. The
    rate starts from alpha / lambda_max(K): steps as those of `growing_descent`.
    """
    network, deadline = TwoLayerNet(case), Deadline(budget)
    x, y = torch.as_tensor(case.inputs), torch.as_tensor(case.targets)
    rate = case.scales.alpha / Gradient(case).fastest(case.start)

    def objective() -> Tensor:
        half: Tensor = (network(x) - y).square().mean() / 2
        return half

    loss, steps, status = objective(), 0, "converged"
    loss.backward()  # type: ignore[no-untyped-call]
    while 2 * loss.item() > case.stop:
        if deadline.passed:
            status = "budget"
            break
        before = [p.detach().clone() for p in network.parameters()]
        with torch.no_grad():
            for p in network.parameters():
                assert p.grad is not None
                p.sub_(p.grad, alpha=rate)
        reached = objective()
        steps += 1
        if reached.item() <= loss.item():
            loss = reached
            network.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            rate *= growth
        else:
            with torch.no_grad():
                for p, old in zip(network.parameters(), before, strict=True):
                    p.copy_(old)
            rate /= 2
    w = network.w.detach().numpy() / case.scales.beta2
    return Outcome(case.relative_change(w), 2 * loss.item(), steps, steps + 1, status)
