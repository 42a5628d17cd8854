"""Full-batch gradient descent on the raw parameters."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from condense import schema
from condense.flows.base import RUNNING, Flow, State, merge

__all__ = ["LOSS_FACTOR", "DescentFlow"]

LOSS_FACTOR = {"half_mse": 1.0, "mse": 2.0}
"""The gradient of the loss is this factor times (1/n) sum_i e_i df_i/dtheta."""

GIVE_UP = 60
"""Rejections in a row, each halving the rate, before a run is called stalled."""


class DescentFlow(Flow[schema.Descent]):
    """theta <- theta - rate dL/dtheta with the loss L = (1/n) sum e^2 (mse) or half of it (half_mse).

    rule "fixed" keeps the rate. Rule "halving" rejects a step that raises the loss, halves the rate and goes on from
    where it was, with the same draw; accepted steps let the rate grow by the factor `growth`. Without a rate it
    starts from 1 / lambda_max(K). `time` is the sum of the rates times the loss factor, in the clock of
    `condense.networks.base`.
    """

    def prepare(self, state: State) -> State:
        """Convert the rate to the flow's clock."""
        if self.config.rate is None:
            kernel = state.network.stage(state.displacement).kernel.nan_to_num(0.0, 0.0, 0.0)
            fastest = torch.linalg.eigvalsh(kernel).amax(dim=1)
            dt = torch.where(fastest > 0, 1 / fastest, 1.0)
        else:
            dt = self.config.rate * LOSS_FACTOR[self.config.loss] * state.network.clock
        return replace(state, memory={"dt": dt, "failures": torch.zeros_like(state.steps)})

    def attempt(self, state: State) -> State:
        """Take a step; under the halving rule, take it back if the loss rose."""
        dt, failures = state.memory["dt"], state.memory["failures"]
        sample = state.sample
        velocity = sample.pullback(dt[:, None] * (sample.outputs - state.targets))
        displacement = tuple(x - dx for x, dx in zip(state.displacement, velocity, strict=True))
        stage = state.network.stage(displacement, kernel=self.needs_kernel)
        accepted = self._accept(state, stage.outputs)
        rejected = ~accepted
        state = replace(
            state,
            stage=merge(accepted, stage, state.stage),
            time=torch.where(accepted, state.time + dt, state.time),
            steps=state.steps + (state.status == RUNNING),
            memory={
                "dt": torch.where(accepted, dt * self._growth, dt / 2),
                "failures": torch.where(rejected, failures + 1, 0),
            },
        )
        return state.end("stalled", state.memory["failures"] >= GIVE_UP)

    @property
    def _growth(self) -> float:
        return 1.0 if self.config.rule == "fixed" else self.config.growth

    def _accept(self, state: State, outputs: Tensor) -> Tensor:
        if self.config.rule == "fixed":
            return torch.ones_like(state.run, dtype=torch.bool)
        return (outputs - state.targets).square().mean(dim=1) <= state.mse
