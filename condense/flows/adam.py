"""Full-batch Adam on the raw parameters."""

from __future__ import annotations

from dataclasses import replace

import torch

from condense import schema
from condense.flows.base import RUNNING, Flow, State
from condense.flows.descent import LOSS_FACTOR
from condense.networks.batched import per_run

__all__ = ["AdamFlow"]


class AdamFlow(Flow[schema.Adam]):
    """Adam (Kingma and Ba 2015, arXiv 1412.6980), full batch, on the raw parameters beta_l theta_l.

    It acts on single coordinates, so it is not invariant under rotations of the inputs: networks are trained in all
    d dimensions. `time` is steps times the rate.
    """

    def prepare(self, state: State) -> State:
        """Start with zero moments."""
        zeros = tuple(torch.zeros_like(x) for x in state.displacement)
        return replace(state, memory={"mean": zeros, "square": zeros})

    def attempt(self, state: State) -> State:
        """Take one step of every run."""
        config, t = self.config, int(state.steps[0]) + 1
        gradient = self._raw_gradient(state)
        mean = _average(config.beta1, state.memory["mean"], gradient)
        square = _average(config.beta2, state.memory["square"], tuple(g * g for g in gradient))
        displacement = tuple(
            x
            - config.rate
            / per_run(beta, x)
            * (m / (1 - config.beta1**t))
            / ((v / (1 - config.beta2**t)).sqrt() + config.eps)
            for x, beta, m, v in zip(state.displacement, state.network.betas, mean, square, strict=True)
        )
        return replace(
            state,
            stage=state.network.stage(displacement, kernel=False),
            time=state.time + config.rate,
            steps=state.steps + (state.status == RUNNING),
            memory={"mean": mean, "square": square},
        )

    def _raw_gradient(self, state: State) -> tuple[torch.Tensor, ...]:
        """Return dL/d(beta_l theta_l) = clock beta_l F_l e times the loss factor."""
        network = state.network
        factor = LOSS_FACTOR[self.config.loss]
        sample = state.sample
        velocity = sample.pullback(sample.outputs - state.targets)
        return tuple(
            per_run(factor * network.clock * beta, v) * v for beta, v in zip(network.betas, velocity, strict=True)
        )


def _average(keep: float, old: tuple[torch.Tensor, ...], new: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(keep * a + (1 - keep) * b for a, b in zip(old, new, strict=True))
