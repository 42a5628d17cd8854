"""What fails is halved, down to the run that fails; what has ended is not computed again."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from condense import schema
from condense.flows.exponential import ExponentialFlow
from condense.planes.two_layer import Scales
from condense.run import Run
from condense.runs import training as module
from condense.runs.batches import Batch, Member
from condense.runs.problem import Problem
from condense.runs.training import Trainer


@pytest.fixture
def batch(change_only):
    """Eight runs of one width."""

    flow = schema.Exponential(stop=1e-3)

    def make():
        problem = Problem.of(schema.Config(widths=[20], seeds=range(8), measure=change_only, flow=flow))
        return Batch(tuple(Member(problem, run) for run in problem.runs.values()))

    return make


def rows_and_failures(batch):
    rows, failures = {}, {}
    for progress in Trainer(batch):
        for member, row in progress.ended:
            assert member.run.seed not in rows  # nothing is computed twice
            rows[member.run.seed] = row
        failures.update({member.run.seed: failure for member, failure in progress.failed})
    return rows, failures


@pytest.fixture
def bad_seed(monkeypatch):
    """Make every step raise that has the run of a seed in it, known by its first weight, after some steps."""

    def make(batch, seed, error, after=0):
        [origin] = [
            module.stack(member.problem, [Run(Scales(1.0, 1.0, 1.0), member.run.neurons, member.run.seed)]).drawn[0][
                0, 0, 0
            ]
            for member in batch.members
            if member.run.seed == seed
        ]
        attempt = ExponentialFlow.attempt

        def raises(self, state):
            if (state.network.drawn[0][state.network.draw, 0, 0] == origin).any() and int(state.steps.max()) >= after:
                raise error
            return attempt(self, state)

        monkeypatch.setattr(ExponentialFlow, "attempt", raises)

    return make


@pytest.mark.parametrize("after", [0, 8])
def test_a_run_that_raises_fails_alone(batch, bad_seed, after):
    whole, _ = rows_and_failures(batch())
    bad_seed(batch(), 5, ZeroDivisionError("bad luck"), after)
    rows, failures = rows_and_failures(batch())
    assert list(failures) == [5]
    assert str(failures[5].error) == "bad luck"
    assert "ZeroDivisionError: bad luck" in failures[5].text
    assert sorted(rows) == [0, 1, 2, 3, 4, 6, 7]
    for seed, row in rows.items():
        assert row["steps"] == whole[seed]["steps"]
        assert row["rd_w"] == pytest.approx(whole[seed]["rd_w"], rel=1e-12)


def test_runs_go_on_from_where_they_were(batch, bad_seed, monkeypatch):
    bad_seed(batch(), 5, ZeroDivisionError(), after=15)
    steps = []
    step = ExponentialFlow.step
    monkeypatch.setattr(ExponentialFlow, "step", lambda self, state: steps.append(len(state.run)) or step(self, state))
    rows, _ = rows_and_failures(batch())
    assert sum(steps) <= sum(row["steps"] for row in rows.values()) + 15 + 8 + 4 + 2 + 1


def test_runs_that_have_ended_are_kept_when_what_is_measured_of_others_raises(batch, monkeypatch):
    columns = module.measured
    calls = []

    def raises(state, measure):
        calls.append(len(state.run))
        if len(calls) == 2:
            raise RuntimeError("once")
        return columns(state, measure)

    monkeypatch.setattr(module, "measured", raises)
    rows, failures = rows_and_failures(batch())
    assert not failures
    assert sorted(rows) == list(range(8))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_a_run_without_memory_is_told_with_its_width_and_what_it_needs(batch, bad_seed, error):
    bad_seed(batch(), 3, error)
    rows, failures = rows_and_failures(batch())
    assert len(rows) == 7
    message = "width 20 does not fit into memory: a run needs about 0.6 GB; give it more memory, or leave this width"
    assert isinstance(failures[3].error, MemoryError)
    assert str(failures[3].error).startswith(message)
    assert failures[3].text.strip().splitlines()[-1].startswith(f"MemoryError: {message}")


def test_virtual_widths_without_memory_are_told_by_their_neurons(change_only, monkeypatch):
    def raises(self, state):
        raise MemoryError

    monkeypatch.setattr(ExponentialFlow, "attempt", raises)
    virtual = schema.Virtual(widths=[1e30], neurons=[20, 10])
    problem = Problem.of(schema.Config(widths=[], virtual=virtual, seeds=[0], measure=change_only))
    [run] = [Member(problem, run) for run in problem.runs.values() if run.neurons == 20]
    _, failures = rows_and_failures(Batch((run,)))
    message = "virtual.neurons = 20 does not fit into memory: a run needs about 0.6 GB; give it more memory, or leave "
    assert str(failures[0].error) == message + "this number of neurons out"


def test_nothing_holds_the_memory_of_what_failed(batch, bad_seed):
    import gc

    def tensors():
        gc.collect()
        return sum(type(each) is torch.Tensor and each.numel() >= 20 for each in gc.get_objects())

    bad_seed(batch(), 0, ZeroDivisionError())
    before = tensors()
    _, failures = rows_and_failures(batch())
    assert list(failures) == [0]
    assert tensors() == before


LIMITED = """if True:
    import resource, sys
    import numpy as np
    from condense import schema
    from condense.runs import training
    from condense.runs.batches import Batch, Member
    from condense.runs.problem import Problem
    from condense.runs.training import Trainer

    stack = training.stack
    training.stack = lambda problem, runs: print("try", len(runs)) or stack(problem, runs)

    def problem(width, seeds):
        measure = schema.Measure(observables=["relative_change"])
        flow = schema.Exponential(max_steps=2)
        return Problem.of(schema.Config(widths=[width], seeds=seeds, measure=measure, flow=flow))

    def train(problem):
        batch = Batch(tuple(Member(problem, run) for run in problem.runs.values()))
        for progress in Trainer(batch):
            for member, row in progress.ended:
                print(member.run.width, member.run.seed, row["status"])
            for member, failure in progress.failed:
                print(member.run.width, member.run.seed, failure.error)

    train(problem(20, [0]))
    np.ones((99, 99)) @ np.ones((99, 99))  # OpenBLAS ends the process if it finds no memory at its first product
    size = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1])
    resource.setrlimit(resource.RLIMIT_AS, (size * 1024 + 80 * 10**6,) * 2)
    train(problem(50_000, range(16)))
    train(problem(500_000, [0]))"""


def test_under_a_real_limit_of_memory_a_batch_is_halved_until_it_fits():
    """Sixteen runs of 50,000 neurons need some 250 MB in the midst of a step, one of 500,000 some 160."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", LIMITED], env=environment, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[2] == "try 16"
    assert set(lines[3:]) > {"try 8", *(f"50000 {seed} max_steps" for seed in range(16))}
    assert "500000 0 width 500000 does not fit into memory: a run needs about 0.8 GB" in lines[-1]


def test_the_time_of_a_batch_is_shared_by_its_runs(batch):
    rows, _ = rows_and_failures(batch())
    seconds = np.array([row["wall_seconds"] for row in rows.values()])
    assert (seconds > 0).all()
    assert seconds.sum() < 5
