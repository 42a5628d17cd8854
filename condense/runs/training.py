"""From a batch to records: networks, a flow, one row a run; what fails is halved until the run that fails is alone."""

from __future__ import annotations

import gc
import json
import math
import os
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condense import registry
from condense.flows.base import STATUS_CODES, Flow, State
from condense.measure.measured import measured, on_test_set
from condense.measure.snapshots import Moments, Snapshot
from condense.networks.base import Network
from condense.networks.errors import out_of_memory
from condense.networks.functional import Functional
from condense.networks.fused import FusedStage
from condense.networks.modules import Modules
from condense.networks.three_layer import ThreeLayer
from condense.networks.two_layer import TwoLayer
from condense.records import CURVE
from condense.run import Run
from condense.runs import checkpoint, estimate
from condense.runs.batches import Batch, Member
from condense.runs.checkpoint import Arrays, Checkpoint, CheckpointError
from condense.runs.problem import Problem

__all__ = ["Failure", "Progress", "Row", "Trainer", "numbers", "rehearse", "stack"]

T = TypeVar("T")

Row = dict[str, Any]

_STATUS = {code: name for name, code in STATUS_CODES.items()}


@dataclass(frozen=True)
class Failure:
    """The error that a single run raised, and its traceback as text."""

    error: Exception
    text: str


@dataclass(frozen=True)
class Progress:
    """What came of a step: the runs that ended in it with their rows, or the one that failed; the snapshots taken."""

    ended: Sequence[tuple[Member, Row]] = ()
    snapshots: Sequence[tuple[Member, Snapshot]] = ()
    failed: Sequence[tuple[Member, Failure]] = ()


class Trainer:
    """Trains a batch and tells the progress after every step.

    If a step raises, the two halves of the batch go on from their last step one after the other, and are halved in
    turn; runs that have ended are not computed again. Whoever iterates may leave at any step: `rest` is what is left.
    """

    def __init__(self, batch: Batch) -> None:
        self._pending = [batch] if batch.members else []
        self._training: _Training | None = None

    def __iter__(self) -> Iterator[Progress]:
        while self._pending:
            self._training = _Training(self._pending.pop(0))
            failure = yield from _attempt(self._training)
            rest, self._training = self._training.rest(), None
            if failure:
                _free(failure.error)
                if len(rest.members) > 1:
                    self._pending[:0] = rest.halves()
                else:
                    yield Progress(failed=[(rest.members[0], _explained(failure, rest.members[0]))])

    @property
    def rest(self) -> list[Batch]:
        """The runs that have not ended, in batches that go on from their last step."""
        current = [self._training.rest()] if self._training else []
        return [batch for batch in (*current, *self._pending) if batch.members]


def _attempt(training: _Training) -> Generator[Progress, None, Failure | None]:
    """Train, and return the failure if there is one."""
    try:
        yield from training.steps()
    except Exception as error:
        return Failure(error, traceback.format_exc())
    return None


class _Training:
    """A batch in training."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.seconds: NDArray[np.float64] = np.zeros(len(batch.members))
        self.state: State | None = None
        config = batch.problem.config
        most = config.flow.steps_for(len(batch.problem.data.x))
        self.flow = _flow(batch.problem, config.snapshots.moments(most))
        self.moments = Moments(config.snapshots, most) if config.snapshots else None
        self.curves: list[list[Row]] = [[] for _ in batch.members]  # of each run what was measured on its way
        self.first: dict[str, Tensor] = {}  # the losses of each run at the start

    def steps(self) -> Iterator[Progress]:
        """Train the runs until all have ended, and tell the progress after every step."""
        self.batch.problem.prepare()
        everyone = torch.arange(len(self.batch.members))
        state = self.state = self._timed(everyone, self._begin)
        if self.moments and not state.steps.any():
            yield Progress(snapshots=self._look(state.select(~state.ended)))
        steps = self.flow.steps(state)
        while len(state.run):
            state, ended = self._timed(state.run, partial(next, steps))
            if ended is not None:
                progress = self._end(ended)
            else:
                progress = Progress(snapshots=self._look_if_due(state) if self.moments else ())
            self.state = state  # not before: if measuring raises, the step is taken once more
            yield progress

    def rest(self) -> Batch:
        """Return the runs that have not ended, to go on from where they are."""
        state = self.state
        if state is None:
            return self.batch
        places = state.run.tolist()
        left = replace(self.batch, members=tuple(self.batch.members[place] for place in places))
        if not state.steps.any():
            return left
        arrays = checkpoint.arrays({**state.saved, "seconds": torch.as_tensor(self.seconds[places])})
        if self.moments:
            arrays[CURVE] = np.array([json.dumps(self.curves[place]) for place in places])
        return replace(left, source=Checkpoint(left.keys, (), lambda: arrays))

    def _begin(self) -> State:
        problem = self.batch.problem
        network = stack(problem, [member.run for member in self.batch.members])
        targets = torch.as_tensor(problem.data.y, dtype=network.kappa.dtype, device=network.kappa.device)
        state = self.flow.start(network, targets)
        self.first = state.losses
        return self._resume(state, self.batch.source) if self.batch.source else state

    def _resume(self, start: State, source: Checkpoint) -> State:
        like = {**start.saved, "seconds": torch.as_tensor(self.seconds)}
        try:
            values = source.of(self.batch.keys)
            saved = checkpoint.restored(like, values)
            if self.moments:
                self._restore_curves(values, self.moments)
        except CheckpointError as error:
            warnings.warn(f"{error}; {len(self.batch.members)} runs start anew", stacklevel=2)
            return start
        self.seconds = saved.pop("seconds").numpy()
        return self.flow.resume(start, saved)

    def _restore_curves(self, values: Arrays, moments: Moments) -> None:
        if CURVE not in values:
            raise CheckpointError("a checkpoint without what was measured on the way")
        self.curves = [json.loads(str(text)) for text in values[CURVE]]
        for run, curve in enumerate(self.curves):
            start, *later = (moment[[*self.first][-1]] for moment in curve)
            moments.restore(run, min(later, default=math.inf) / start)

    def _look_if_due(self, state: State) -> list[tuple[Member, Snapshot]]:
        assert self.moments
        due = self.moments.due(state, [*self.first.values()][-1][state.run]) & ~state.ended
        return self._look(state.select(due)) if due.any() else []

    def _look(self, state: State) -> list[tuple[Member, Snapshot]]:
        """Measure runs at a moment, and return their snapshots."""
        if not len(state.run):
            return []
        return self._note(state, self._measure(state), final=False)

    def _measure(self, state: State) -> list[Row]:
        return self._timed(state.run, partial(self._measured, state))

    def _measured(self, state: State) -> list[Row]:
        rows, problem = measured(state, self.batch.problem.config.measure), self.batch.problem
        if problem.modules is None and problem.data.x_test is not None:
            for row, mse in zip(rows, on_test_set(state, problem.data), strict=True):
                row["mse_test"] = mse
        return rows

    def _note(self, state: State, measured: list[Row], final: bool) -> list[tuple[Member, Snapshot]]:
        """Return the snapshots of runs at a moment, and add what was measured to their curves."""
        looks = self._timed(state.run, partial(self._snapshots, state, final))
        moment = {"step": state.steps.tolist(), "time": state.time.tolist()}
        moment |= {name: values.tolist() for name, values in state.losses.items()}
        for number, (place, columns) in enumerate(zip(state.run.tolist(), measured, strict=True)):
            changing = {name: value for name, value in columns.items() if not name.endswith(("_initial", "_sup"))}
            self.curves[place].append({**{name: values[number] for name, values in moment.items()}, **changing})
        return looks

    def _snapshots(self, state: State, final: bool) -> list[tuple[Member, Snapshot]]:
        """Return the snapshots of the runs whose weights are kept."""
        problem, members = self.batch.problem, [self.batch.members[place] for place in state.run.tolist()]
        keeps = problem.config.snapshots.keeps
        return [
            (member, Snapshot.of(state.select(torch.tensor([number])), member.run, final, problem.data))
            for number, member in enumerate(members)
            if keeps(member.run.width, member.run.seed)
        ]

    def _end(self, state: State) -> Progress:
        measured = self._measure(state)
        looks = self._note(state, measured, final=True) if self.moments else []
        ended = []
        for place, end, columns in zip(state.run.tolist(), _ends(state), measured, strict=True):
            member = self.batch.members[place]
            start = {f"{name}_initial": float(values[place]) for name, values in self.first.items()}
            row = {**member.problem.row(member.run), **start, **end, **columns}
            row["wall_seconds"] = float(self.seconds[place])
            ended.append((member, {**row, CURVE: self.curves[place]} if self.moments else row))
        return Progress(ended, looks)

    def _timed(self, runs: Tensor, action: Callable[[], T]) -> T:
        """Do something for these runs and note the time, to each its share."""
        clock = time.perf_counter()
        result = action()
        self.seconds[runs.cpu().numpy()] += (time.perf_counter() - clock) / len(runs)
        return result


def stack(problem: Problem, runs: Sequence[Run]) -> Network:
    """Return the networks of these runs, all of one width."""
    config, options = problem.config, problem.stacking
    if config.device != "cpu":
        _set_precision(tf32=config.flow.modules and config.flow.tf32)
    if problem.user is not None:
        return Functional.build(runs, problem.data, problem.user, **options)
    if problem.modules is not None:
        tried = problem.tried
        return Modules.build(  # type: ignore[return-value]  # its flow asks for less of it
            runs, problem.data, problem.modules, whole=tried.whole, vmapped=tried.vmapped, **options
        )
    network = config.network
    options |= {"activation": network.activation, "bias": network.bias}
    if problem.three_layer:
        return ThreeLayer.build(runs, problem.data, **options)  # type: ignore[return-value]  # steps in few rows
    options["keep"] = network.keep
    options["stages"] = FusedStage.at if problem.fused else None
    return TwoLayer.build(runs, problem.data, reduce=config.flow.rotation_invariant, **options)


def _set_precision(tf32: bool) -> None:
    """Have a GPU multiply in the precision that it is given, or by TF32, by kernels that give the same bits again."""
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.deterministic = True
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may add up in another order
    torch.use_deterministic_algorithms(True, warn_only=True)


def _flow(problem: Problem, pauses: Sequence[int] = ()) -> Flow[Any]:
    flow = registry.located(problem.config.flow.implementation, "flow")(problem.config.flow)
    flow.pauses = pauses
    return flow  # type: ignore[no-any-return]


def _ends(state: State) -> list[Row]:
    """Return how ended runs ended, a row each."""
    statuses = [_STATUS[code] for code in state.status.tolist()]
    columns: dict[str, list[Any]] = {
        **{f"{name}_final": values.tolist() for name, values in state.losses.items()},
        "converged": [status in ("converged", "trained") for status in statuses],
        "status": statuses,
        "steps": state.steps.tolist(),
        "time": state.time.tolist(),
        "torch": [torch.__version__] * len(statuses),
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def rehearse(problem: Problem) -> None:
    """Measure a run at its start by the observables of the user's own, once for all jobs of a grid.

    Raises:
        ObservableError: one of them fails; nothing was started.
    """
    names = [name for name in problem.config.measure.observables if name not in registry.REGISTRY["observable"]]
    rehearsed = (problem.group, *names)
    if not names or rehearsed in _rehearsed:
        return
    measured(_first(problem), replace(problem.config.measure, observables=names))
    _rehearsed.add(rehearsed)


def numbers(problem: Problem) -> list[str]:
    """Return what runs log of their networks, as a run at its start shows."""
    state = _first(problem)
    ends = [
        f"{name}_{end}" for name, values in state.losses.items() if values.isfinite() for end in ("initial", "final")
    ]
    [columns] = measured(state, problem.config.measure)
    return [*ends, *columns]


def _first(problem: Problem) -> State:
    """Return the smallest run at its start."""
    network = stack(problem, [min(problem.runs.values(), key=lambda run: run.neurons)])
    targets = torch.as_tensor(problem.data.y, dtype=network.kappa.dtype, device=network.kappa.device)
    return _flow(problem).start(network, targets)


_rehearsed: set[tuple[object, ...]] = set()


def _explained(failure: Failure, member: Member) -> Failure:
    """Return the failure of a run with what to do about it, where that is known."""
    if not out_of_memory(failure.error):
        return failure
    run = member.run
    needed = estimate.memory_gb(member.problem, run.neurons)
    what = f"virtual.neurons = {run.neurons}" if run.virtual else f"width {run.neurons}"
    message = (
        f"{what} does not fit into memory: a run needs about {needed:.1f} GB; give it more memory, or leave this "
        f"{'number of neurons' if run.virtual else 'width'} out"
    )
    error = MemoryError(message)
    error.__cause__ = failure.error
    return Failure(error, f"{failure.text}\nMemoryError: {message}\n")


def _free(error: BaseException | None) -> None:
    """Give back the memory of what failed: all that the frames of its traceback hold."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    gc.collect()
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
