import numpy as np
import pytest
from torch import nn

from condense import schema
from condense.data import Dataset
from condense.networks.modules import from_module
from condense.runs import batches as module
from condense.runs import estimate
from condense.runs.batches import Member, batches
from condense.runs.problem import Problem


def wanted(job=0, **changes):
    problem = Problem.of(schema.Config(**{"widths": [40, 20], "seeds": [0, 1], **changes}))
    return [Member(problem, run, job) for run in problem.runs.values()]


def shapes(found):
    return [(batch.members[0].run.neurons, len(batch.members)) for batch in found]


def test_places_share_a_batch_and_small_widths_come_first():
    runs = [run for gamma in (0.8, 1.0, 1.2) for run in wanted(init=schema.Plane(gamma))]
    assert shapes(batches(runs)) == [(20, 6), (40, 6)]


@pytest.mark.parametrize(
    "other",
    [
        {"init": schema.Plane(antisymmetric=False)},
        {"network": schema.Network(activation="tanh")},
        {"flow": schema.Exponential(rtol=0.01)},
        {"data": schema.Data(name="digits")},
        {"measure": schema.Measure(threshold=0.9)},
        {"dtype": "float32"},
        {"compiled": False},
    ],
)
def test_what_differs_in_more_than_the_place_does_not_share_a_batch(other):
    found = list(batches([*wanted(), *wanted(1, **other)]))
    assert shapes(found) == [(20, 2), (20, 2), (40, 2), (40, 2)]
    assert all(len({member.job for member in batch.members}) == 1 for batch in found)


@pytest.mark.parametrize(("compiled", "limit"), [(False, "BATCH"), (True, "FUSED_BATCH")])
def test_a_batch_has_no_more_features_than_its_limit(monkeypatch, compiled, limit):
    monkeypatch.setattr(module, limit, 3 * 2 * 20 * 4)  # three runs of two copies of 20 neurons on 4 points
    runs = wanted(widths=[20], seeds=range(7), compiled=compiled)
    assert shapes(batches(runs)) == [(20, 2), (20, 2), (20, 3)]


def net(m):
    return nn.Sequential(nn.Linear(3, m), nn.Tanh(), nn.Linear(m, 1))


def test_a_stack_of_modules_has_no_more_parameters_and_activations_than_its_limit(monkeypatch):
    one = 5 * 20 + 1 + 8 * (20 + 20 + 1 + 3)  # parameters; eight inputs, and what three layers give for them
    monkeypatch.setattr(module, "MODULES_BATCH", 3 * one)
    x = np.random.default_rng(0).standard_normal((30, 3))
    config = schema.Config(
        widths=[20], seeds=list(range(7)), network=schema.Module(), flow=schema.Torch(batch_size=8, max_steps=1)
    )
    problem = Problem.of(config, Dataset(x, x[:, 0]), from_module(net))
    assert estimate.features(problem, 20) == one
    assert shapes(batches(Member(problem, run) for run in problem.runs.values())) == [(20, 2), (20, 2), (20, 3)]


@pytest.mark.parametrize(("size", "held"), [(None, 5000), (4500, 4500), (9000, 5000)])
def test_modules_are_estimated_to_hold_a_whole_minibatch(size, held):
    x = np.random.default_rng(0).standard_normal((5000, 3))
    config = schema.Config(widths=[20], network=schema.Module(), flow=schema.Torch(batch_size=size))
    problem = Problem.of(config, Dataset(x, x[:, 0]), from_module(net))
    assert estimate.features(problem, 20) == 5 * 20 + 1 + held * (20 + 20 + 1 + 3)


def test_a_batch_has_no_more_runs_than_fit_into_memory():
    runs = wanted(widths=[20_000], seeds=range(6))
    problem = runs[0].problem
    two = estimate.memory_gb(problem, 20_000, runs=2)
    assert shapes(batches(runs, two + 1e-6)) == [(20_000, 2)] * 3
    assert shapes(batches(runs, 0.01)) == [(20_000, 1)] * 6  # one run is never refused here


def test_halves_keep_every_run():
    [batch] = batches(wanted(widths=[20], seeds=range(5)))
    one, two = batch.halves()
    assert (len(one.members), len(two.members)) == (2, 3)
    assert one.keys + two.keys == batch.keys
