"""A flow: gradient descent with momentum."""

from dataclasses import replace

import torch

from condense.flows.base import RUNNING, Flow


class MomentumFlow(Flow):
    """v <- momentum v + rate grad L, theta <- theta - v, on the raw parameters."""

    def prepare(self, state):
        return replace(state, memory={"velocity": tuple(torch.zeros_like(x) for x in state.displacement)})

    def attempt(self, state):
        sample, dt = state.sample, self.config.rate * state.network.clock
        gradient = sample.pullback(dt[:, None] * (sample.outputs - state.targets))
        pairs = zip(state.memory["velocity"], gradient, strict=True)
        velocity = tuple(self.config.momentum * v + g for v, g in pairs)
        displacement = tuple(x - v for x, v in zip(state.displacement, velocity, strict=True))
        return replace(
            state,
            stage=state.network.stage(displacement, kernel=False),
            time=state.time + dt,
            steps=state.steps + (state.status == RUNNING),
            memory={"velocity": velocity},
        )
