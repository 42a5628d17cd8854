"""What all flows share: the state of a batch, the loop that steps it, and how a run ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch
from torch import Tensor

from condense.networks.base import Network, Stage, Theta
from condense.networks.batched import Batched, where

if TYPE_CHECKING:
    from condense import schema

Config = TypeVar("Config", bound="schema.Flow")

__all__ = ["RUNNING", "STATUS_CODES", "Flow", "Saved", "State", "mean_square"]

Saved = dict[str, Any]
"""Parts of a `State` by name, see `State.saved`."""

RUNNING = 0
STATUS_CODES = {"converged": 1, "max_steps": 2, "stalled": 3, "nonfinite": 4, "trained": 5}


def mean_square(residual: Tensor) -> Tensor:
    """Return (1/n) sum_i e_i^2 (no 1/2) for residuals of shape (R, n)."""
    return residual.square().mean(dim=1)


@dataclass(frozen=True)
class State(Batched):
    """A batch of runs on the way: all tensors carry the runs on their leading axis.

    `run` is a run's place in the batch that was started, `stop` its mean square residual to reach, `memory` what one
    flow needs from step to step (its step size dt, say), `sup` the largest relative change of each block so far.
    """

    run: Tensor
    stage: Stage
    targets: Tensor
    stop: Tensor
    time: Tensor
    steps: Tensor
    status: Tensor
    memory: dict[str, Any]
    sup: dict[str, Tensor] = field(default_factory=dict)

    @property
    def network(self) -> Network:
        """The networks in training."""
        return self.stage.network

    @property
    def displacement(self) -> Theta:
        """theta - theta(0)."""
        return self.stage.displacement

    @property
    def residual(self) -> Tensor:
        """e = f - y, shape (R, n)."""
        return self.stage.outputs - self.targets

    @property
    def mse(self) -> Tensor:
        """Mean square residual, shape (R,)."""
        return mean_square(self.residual)

    @property
    def losses(self) -> dict[str, Tensor]:
        """What records tell of the loss at start and end, by name, the last of which the stop is for, each (R,)."""
        return {"mse": self.mse}

    @property
    def loss(self) -> Tensor:
        """The loss that the stop is for, shape (R,)."""
        return [*self.losses.values()][-1]

    @property
    def scores(self) -> dict[str, Tensor]:
        """What else a flow knows of how good the networks are, by name, each of shape (R,)."""
        return {}

    @property
    def sample(self) -> Stage:
        """The stage whose gradient a step of descent follows: that of the sampled networks, if anything is random."""
        network = self.network.sampled(self.steps)
        return self.stage if network is self.network else network.stage(self.displacement, kernel=False)

    @property
    def ended(self) -> Tensor:
        """Which runs have ended, shape (R,)."""
        return self.status != RUNNING

    @property
    def saved(self) -> Saved:
        """What has to be kept of a batch to go on with it later: all that does not follow from its runs."""
        names = ("displacement", "time", "steps", "status", "memory", "sup")
        return {name: getattr(self, name) for name in names}

    def end(self, status: str, runs: Tensor) -> State:
        """Return the state with these running runs (a mask) ended by a status."""
        code = torch.where(runs & (self.status == RUNNING), STATUS_CODES[status], self.status)
        return replace(self, status=code)


class Flow(ABC, Generic[Config]):
    """How parameters move. A flow knows a network by outputs, pullback and kernel alone."""

    needs_kernel = False

    pauses: Sequence[int] = ()
    """Steps at which whoever iterates wants to look, for flows that take several at once."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def prepare(self, state: State) -> State:
        """Return the state with this flow's `memory` at the start."""

    @abstractmethod
    def attempt(self, state: State) -> State:
        """Return the state after one attempted step of every run; a rejected step leaves its run where it was."""

    def steps(self, state: State) -> Iterator[tuple[State, State | None]]:
        """Step a batch until all its runs have ended; after each step yield the batch, and the runs that left it.

        Every run ends by itself: converged (mean square residual at or below the stop), max_steps, stalled, or
        nonfinite. Ended runs leave the batch in a turn of their own, so a run that explodes costs its neighbours
        nothing; None stands for no run that left.
        """
        while len(state.run):
            ended = state.ended
            if ended.any():
                gone, state = (state if ended.all() else state.select(ended)), state.select(~ended)
                yield state, gone
            else:
                state = self.step(state)
                yield state, None

    def train(self, network: Network, targets: Tensor, displacement: Theta | None = None) -> Iterator[State]:
        """Train a batch from its draw, or away from it, against targets of shape (n,); yield the runs as they end."""
        for _, ended in self.steps(self.start(network, targets, displacement)):
            if ended is not None:
                yield ended

    @torch.no_grad()
    def step(self, state: State) -> State:
        """Return the state after one attempted step of every run, with the runs that have come to their end ended."""
        return self._watch(state, self.attempt(state))

    @torch.no_grad()
    def start(self, network: Network, targets: Tensor, displacement: Theta | None = None) -> State:
        """Return the state of a batch before its first step."""
        stage = network.stage(displacement, kernel=self.needs_kernel)
        runs = len(stage.outputs)
        zeros = stage.outputs.new_zeros(runs)
        stop = self.config.stop * (targets.square().mean() if self.config.relative else 1.0)
        state = State(
            run=torch.arange(runs, device=zeros.device),
            stage=stage,
            targets=targets.expand(runs, -1),
            stop=zeros + stop,
            time=zeros,
            steps=torch.zeros_like(zeros, dtype=torch.int64),
            status=torch.zeros_like(zeros, dtype=torch.int8),
            memory={},
            sup=stage.relative_change(),
        )
        return self.prepare(self._judge(state))

    @torch.no_grad()
    def resume(self, start: State, saved: Saved) -> State:
        """Return the batch where it was saved, in place of its start."""
        stage = start.network.stage(saved["displacement"], kernel=self.needs_kernel)
        return replace(start, stage=stage, **{name: part for name, part in saved.items() if name != "displacement"})

    def _watch(self, before: State, after: State) -> State:
        """Follow the relative change where a run moved, and end runs by residual, finiteness and number of steps."""
        moved = after.stage is not before.stage
        if moved:
            change = after.stage.relative_change()
            after = replace(after, sup={key: torch.maximum(change[key], old) for key, old in after.sup.items()})
            after = self._judge(after)
        return after.end("max_steps", after.steps >= self.config.max_steps)

    def _judge(self, state: State) -> State:
        loss = state.loss
        state = state.end("converged", loss <= state.stop)
        return state.end("nonfinite", ~loss.isfinite())


def merge(accepted: Tensor, new: Stage, old: Stage) -> Stage:
    """Return the new stage where a step was accepted and the old one elsewhere, copying only if runs differ."""
    if accepted.all():
        return new
    return where(accepted, new, old) if accepted.any() else old
