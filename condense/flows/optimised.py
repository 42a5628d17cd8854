"""Training as people do it: an optimiser of torch on minibatches, of a whole stack of modules at once.

An optimiser of `schema.OPTIMISERS` acts on every number by itself, so that it moves R networks on a leading axis as it
moves one. Its steps are proportional to the learning rate: it is given the rate 1 and theta moves by the run's
own rate times what it proposes, so that runs of different rates are trained together. Norms over all parameters, for
clipping, are taken run by run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from condense import registry, schema
from condense.flows.allocator import keep_freed_memory
from condense.flows.base import Flow, Saved, State
from condense.networks.base import Theta, numpy_stream
from condense.networks.batched import per_run, shared
from condense.networks.modules import Modules, ModuleStage

__all__ = ["OptimisedFlow", "Trained"]

ORDER = 5
"""The stream of random numbers that orders the data, see `numpy_stream`."""

ROWS = 2**12
"""Data points times runs of a stack whose loss is taken at once, where no step is taken."""

FUSED = ("SGD", "Adam", "AdamW", "Adagrad")
"""Optimisers of which torch has kernels that go once through the parameters."""

Loss = Callable[[Tensor, Tensor], Tensor]

Kept = tuple[dict[str, dict[str, Tensor]], ...]
"""What an optimiser keeps, block by block: tensors of the block's shape ("own"), numbers all runs share ("common")."""


@dataclass(frozen=True)
class _Batch:
    """A minibatch: inputs (b, ...) and targets (b, ...), or (R, b, ...) if every run has its own."""

    x: Tensor
    y: Tensor
    own: bool = False


@dataclass(frozen=True)
class Trained(State):
    """A stack of modules on the way; `memory` has their loss over all training data, and what the optimiser keeps."""

    stage: ModuleStage  # type: ignore[assignment]
    flow: OptimisedFlow = shared(default=None)  # given by all; after fields with defaults it must have one

    @property
    def network(self) -> Modules:  # type: ignore[override]
        """The networks in training."""
        return self.stage.network

    @property
    def losses(self) -> dict[str, Tensor]:
        """The loss over all training data, and the mean square residual (no 1/2) if there is one."""
        return {"mse": self.memory["mse"], "loss": self.memory["loss"]}

    @property
    def mse(self) -> Tensor:
        """Mean square residual, NaN for losses that are of something else, shape (R,)."""
        return self.losses["mse"]

    @property
    def scores(self) -> dict[str, Tensor]:
        """How good the networks are: accuracy, and both on the test set, where there are these."""
        return self.memory["scores"]  # type: ignore[no-any-return]

    def objective(self, weights: Theta) -> Iterator[Tensor]:
        """Yield parts of the loss over all training data at theta, whose sum it is, each of shape (R,)."""
        data = self.network.data
        for share, f, targets in self.flow.pieces(self.network, weights, data.x, data.y):
            yield share * self.flow.losses(self.network, f, targets)

    @torch.enable_grad()
    def gradient(self, weights: Theta) -> Theta:
        """Return the gradient of the loss over all training data at theta, run by run."""
        weights = tuple(block.detach().requires_grad_() for block in weights)
        total = tuple(torch.zeros_like(block) for block in weights)
        for loss in self.objective(weights):
            part = torch.autograd.grad(loss.sum(), weights, materialize_grads=True)
            total = tuple(one + two for one, two in zip(total, part, strict=True))
        return total

    @property
    def saved(self) -> Saved:
        """What has to be kept of a batch to go on with it later."""
        names = ("time", "steps", "status", "memory", "sup")
        return {"weights": self.stage.weights, **{name: getattr(self, name) for name in names}}


class OptimisedFlow(Flow[schema.Torch]):
    """theta <- theta - rate u(dL/dtheta), u the step of an optimiser of torch.optim, L the loss over a minibatch.

    The order of the data is that of the run's seed and the epoch alone: every epoch is a permutation of all data, cut
    into minibatches, the last of which may be smaller. `time` is the sum of the learning rates.
    """

    @cached_property
    def _loss(self) -> Loss:
        return registry.resolve("loss", self.config.loss, "flow.loss")  # type: ignore[no-any-return]

    @cached_property
    def _schedule(self) -> Callable[[int, int], float]:
        return registry.resolve("schedule", self.config.schedule, "flow.schedule")  # type: ignore[no-any-return]

    def prepare(self, state: State) -> State:
        """Return the state itself: `start` has filled its memory."""
        return state

    @torch.no_grad()
    def start(self, network: Modules, targets: Tensor, displacement: Theta | None = None) -> Trained:  # type: ignore[override]
        """Return the state of a stack before its first step; the targets are those of its data."""
        stage = ModuleStage(network, network.start) if displacement is None else network.stage(displacement)
        zeros = torch.zeros_like(network.rates)
        state = Trained(
            run=torch.arange(len(zeros), device=zeros.device),
            stage=stage,
            targets=zeros.new_zeros(len(zeros), 0),
            stop=zeros + self.config.stop,
            time=zeros,
            steps=torch.zeros_like(zeros, dtype=torch.int64),
            status=torch.zeros_like(zeros, dtype=torch.int8),
            memory={"optimiser": self._template(stage.weights), **self.measured(stage)},
            sup=stage.relative_change(),
            flow=self,
        )
        return self._judge(state)  # type: ignore[return-value]

    @torch.no_grad()
    def resume(self, start: State, saved: Saved) -> State:
        """Return the batch where it was saved, in place of its start."""
        assert isinstance(start, Trained)
        kept = dict(saved)
        return replace(start, stage=ModuleStage(start.network, kept.pop("weights")), **kept)

    @torch.no_grad()
    def step(self, state: State) -> State:
        """Return the state some steps later: as many as lie before the loss is next to be looked at."""
        assert isinstance(state, Trained)
        after = self.attempt(state)
        change = after.stage.relative_change()
        sup = {key: torch.maximum(change[key], old) for key, old in state.sup.items()}
        after = self._judge(replace(after, sup=sup))
        end = "max_steps" if self.config.stop else "trained"
        return after.end(end, after.steps >= self.config.steps_for(len(state.network.data.x)))

    @torch.no_grad()
    def attempt(self, state: State) -> State:
        """Take these steps."""
        assert isinstance(state, Trained)
        keep_freed_memory()
        network, first = state.network, int(state.steps[0])
        batches = self._batches(network, first)
        steps = self.config.steps_for(len(network.data.x))
        last = min(steps, self._next_look(first))
        weights = tuple(block.detach().clone().requires_grad_() for block in state.stage.weights)
        before = tuple(torch.empty_like(block) for block in weights)
        optimiser = self._optimiser(weights)
        if first:
            _restore(optimiser, weights, state.memory["optimiser"])
        time = state.time
        for step in range(first, last):
            rate = network.rates * self._rate_factor(step, steps)
            self._differentiate(network, weights, next(batches))
            for block, old in zip(weights, before, strict=True):
                old.copy_(block)
            optimiser.step()
            for block, old in zip(weights, before, strict=True):
                torch.lerp(old, block, per_run(rate, block), out=block.detach())
            time = time + rate
        stage = ModuleStage(network, tuple(block.detach() for block in weights))
        memory = {"optimiser": _kept(optimiser, weights), **self.measured(stage)}
        return replace(state, stage=stage, steps=state.steps + (last - first), time=time, memory=memory)

    def _next_look(self, step: int) -> int:
        """Return the next step after which the loss is looked at, or at which whoever iterates wants to look."""
        every = self.config.look
        return min([(step // every + 1) * every, *(pause for pause in self.pauses if pause > step)])

    def _rate_factor(self, step: int, steps: int) -> float:
        """Return the factor of the learning rate in a step: linear warm-up, then the schedule."""
        warmup = self.config.warmup
        if step < warmup:
            return (step + 1) / warmup
        return float(self._schedule(step - warmup, max(1, steps - warmup)))

    def _batches(self, network: Modules, step: int) -> Iterator[_Batch]:
        """Return the minibatches from a step on, without end."""
        data, size = network.data, self.config.batch_size
        x, y = network.inputs(data.x), self.targets(network, data.y)
        if size is None:
            while True:
                yield _Batch(x, y, own=False)
        seeds, which = torch.unique(network.seeds, return_inverse=True)
        a_epoch = math.ceil(len(x) / size)
        epoch, place = divmod(step, a_epoch)
        while True:
            order = torch.stack([_order(int(seed), network.width, epoch, len(x)) for seed in seeds]).to(x.device)
            for start in range(place * size, len(x), size):
                rows = order[:, start : start + size]
                yield (
                    _Batch(x[rows[which]], y[rows[which]], own=True)
                    if len(seeds) > 1
                    else _Batch(x[rows[0]], y[rows[0]])
                )
            epoch, place = epoch + 1, 0

    def _differentiate(self, network: Modules, weights: Theta, batch: _Batch) -> None:
        """Give all weights the gradient of a minibatch, clipped if it is to be."""
        with torch.enable_grad():
            f = network.outputs(weights, batch.x, batch.own)
            loss = self.losses(network, f, batch.y, batch.own).sum()  # each depends on the weights of its run alone
            gradient = torch.autograd.grad(loss, weights, allow_unused=True)
        for block, change in zip(weights, gradient, strict=True):
            block.grad = torch.zeros_like(block) if change is None else change.contiguous()  # fused kernels need it
        if self.config.clip is not None:
            _clip(weights, self.config.clip)

    def losses(self, network: Modules, f: Tensor, y: Tensor, own: bool = False) -> Tensor:
        """Return the mean loss of every run, given outputs (R, b, ...) and targets, which all share or each has own."""
        if len(f) == 1:
            return self._fitted(f[0], y[0] if own else y)[None]
        if network.vmapped:
            return torch.func.vmap(self._fitted, in_dims=(0, 0 if own else None))(f, y)
        return torch.stack([self._fitted(one, y[run] if own else y) for run, one in enumerate(f)])

    def _fitted(self, f: Tensor, y: Tensor) -> Tensor:
        return self._loss(f[..., 0] if f.dim() == y.dim() + 1 and f.shape[-1] == 1 else f, y)

    @property
    def labelled(self) -> bool:
        """Whether targets are labels of classes."""
        return self.config.loss == "cross_entropy"

    def targets(self, network: Modules, y: Any) -> Tensor:
        """Return targets as the loss takes them: labels as integers, all else in the precision of the weights."""
        block = network.start[0]
        return torch.as_tensor(y, device=block.device).to(torch.int64 if self.labelled else block.dtype)

    def measured(self, stage: ModuleStage) -> dict[str, Any]:
        """Return loss, mean square residual and scores over all data."""
        data, classes = stage.network.data, self.config.loss in ("cross_entropy", "hinge")
        loss, right = self._over(stage, data.x, data.y, classes)
        factor = {"mse": 1.0, "half_mse": 2.0}.get(self.config.loss, math.nan)
        scores = {"accuracy": right} if classes else {}
        if data.x_test is not None:
            scores["loss_test"], right = self._over(stage, data.x_test, data.y_test, classes)
            scores |= {"accuracy_test": right} if classes else {}
        return {"loss": loss, "mse": factor * loss, "scores": scores}

    def _over(self, stage: ModuleStage, x: Any, y: Any, classes: bool) -> tuple[Tensor, Tensor]:
        """Return the mean loss over data points, and the share of them whose class is right, each of shape (R,)."""
        network = stage.network
        total, right = torch.zeros_like(network.rates), torch.zeros_like(network.rates)
        for share, f, targets in self.pieces(network, stage.weights, x, y):
            total += share * self.losses(network, f, targets)
            if classes:
                right += share * self._right(f, targets).flatten(1).to(right).mean(dim=1)
        return total, right

    def pieces(self, network: Modules, weights: Theta, x: Any, y: Any) -> Iterator[tuple[float, Tensor, Tensor]]:
        """Yield data points piece by piece: their share of all, outputs (R, b, ...) and targets (b, ...)."""
        size = max(1, ROWS // len(network.seeds))
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            targets = self.targets(network, y[part])
            yield len(targets) / len(x), network.outputs(weights, network.inputs(x[part])), targets

    def _right(self, f: Tensor, y: Tensor) -> Tensor:
        """Return where the class is right, shape (R, b, ...)."""
        if self.labelled:
            return f.argmax(dim=-1) == y
        return f.reshape(len(f), *y.shape) * y > 0

    def _template(self, weights: Theta) -> Kept:
        """Return what an optimiser keeps after a step of nothing: all that it will keep, by name and shape."""
        blocks = tuple(torch.zeros_like(block).requires_grad_() for block in weights)
        for block in blocks:
            block.grad = torch.zeros_like(block)
        optimiser = self._optimiser(blocks)
        optimiser.step()
        return _kept(optimiser, blocks)

    def _optimiser(self, weights: Theta) -> torch.optim.Optimizer:
        how = "fused" if self.config.optimiser in FUSED else "foreach"  # of all ways to take a step the fastest
        options = {**self.config.kwargs, "lr": 1.0, how: True}
        return getattr(torch.optim, self.config.optimiser)(weights, **options)  # type: ignore[no-any-return]


def _order(seed: int, width: int, epoch: int, n: int) -> Tensor:
    """Return the order of n data points in an epoch."""
    return torch.as_tensor(numpy_stream(seed, width, ORDER, epoch).permutation(n))


def _clip(weights: Theta, most: float) -> None:
    """Scale the gradient of every run down to this norm, as `torch.nn.utils.clip_grad_norm_` does."""
    gradients = [block.grad for block in weights if block.grad is not None]
    norm = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    factor = (most / (norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(per_run(factor, gradient))


def _kept(optimiser: torch.optim.Optimizer, weights: Theta) -> Kept:
    """Return what an optimiser keeps of every block: tensors of its shape, and numbers that all runs share, (R,)."""
    kept = []
    for block in weights:
        state = {name: torch.as_tensor(value) for name, value in optimiser.state[block].items() if value is not None}
        own = {name: value for name, value in state.items() if value.shape == block.shape and value.dim()}
        common = {name: value.expand(len(block)) for name, value in state.items() if name not in own}
        kept.append({"own": own, "common": common})
    return tuple(kept)


def _restore(optimiser: torch.optim.Optimizer, weights: Theta, kept: Kept) -> None:
    for block, state in zip(weights, kept, strict=True):
        optimiser.state[block] = {
            **{name: value.clone() for name, value in state["own"].items()},
            **{name: value[0].clone() for name, value in state["common"].items()},
        }
