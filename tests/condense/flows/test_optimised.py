"""Stacks of modules against plain loops of torch: one network at a time, torch.optim, the same order of the data."""

import dataclasses
import math
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from condense import schema, simulate
from condense.data import Dataset
from condense.flows.optimised import ORDER, OptimisedFlow
from condense.networks.base import numpy_stream
from condense.networks.modules import Modules, from_module
from condense.planes.scales import Scales
from condense.run import Run
from condense.runs.batches import Member, batches
from condense.runs.problem import Problem
from condense.runs.training import Trainer

WIDTH = 12

STEPS = 200


def build(m):
    return nn.Sequential(nn.Linear(5, m), nn.LayerNorm(m), nn.Tanh(), nn.Linear(m, 3))


def labelled(n=60):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((n, 5))
    return Dataset(x, (x[:, :3]).argmax(axis=1), x_test=x[::3] + 0.1, y_test=(x[::3, :3]).argmax(axis=1))


DATA = labelled()

NETWORK = from_module(build)


def run(seed, gamma=0.5, rate=0.003):
    return Run(Scales(1.0, 1.0, 1.0), WIDTH, seed, point={"gamma": gamma, "gamma_prime": 0.0}, rate=rate)


def by_hand(run, flow, steps=STEPS):
    """Return the parameters after some steps of a plain loop."""
    module = build(WIDTH).double()
    drawn = NETWORK.drawn(run)
    module.load_state_dict(drawn)
    optimiser = getattr(torch.optim, flow.optimiser)(module.parameters(), **{**flow.kwargs, "lr": run.rate})
    x, y = torch.as_tensor(DATA.x), torch.as_tensor(DATA.y).long()
    size = flow.batch_size or len(x)
    step, epoch = 0, 0
    while step < steps:
        order = np.arange(len(x))
        if flow.batch_size:
            order = numpy_stream(run.seed, WIDTH, ORDER, epoch).permutation(len(x))
        for start in range(0, len(x), size):
            if step == steps:
                break
            rows = order[start : start + size]
            optimiser.zero_grad()
            f = module(x[rows])
            loss = nn.functional.cross_entropy(f, y[rows]) if flow.loss == "cross_entropy" else None
            loss.backward()
            if flow.clip:
                nn.utils.clip_grad_norm_(module.parameters(), flow.clip)
            factor = 1.0
            if step < flow.warmup:
                factor = (step + 1) / flow.warmup
            elif flow.schedule == "cosine":
                factor = 0.5 * (1 + math.cos(math.pi * (step - flow.warmup) / (steps - flow.warmup)))
            for group in optimiser.param_groups:
                group["lr"] = run.rate * factor
            optimiser.step()
            step += 1
        epoch += 1
    return [values.detach() for values in module.parameters()]


def trained(flow, runs, **options):
    network = Modules.build(runs, DATA, NETWORK, **options)
    [state] = OptimisedFlow(flow).train(network, torch.empty(0))
    return state


KINDS = {
    "SGD": {"momentum": 0.9},
    "SGD with nesterov": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "SGD with dampening": {"momentum": 0.9, "dampening": 0.1},
    "Adam": {},  # with weight_decay a plain loop itself amplifies rounding to 4e-10 here
    "Adam with amsgrad": {"amsgrad": True},
    "AdamW": {"weight_decay": 0.1},
    "Adamax": {},
    "NAdam": {},
    "RAdam": {},
    "RMSprop": {"alpha": 0.9, "eps": 1e-2},
    "Adagrad": {"lr_decay": 0.01},
    "Adadelta": {},
}


@pytest.mark.parametrize("batch_size", [None, 16])
@pytest.mark.parametrize("clip", [None, 0.1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_is_trained_as_a_plain_loop_trains_each(kind, clip, batch_size):
    options = {"lr": 0.01, **KINDS[kind]}
    flow = schema.Torch(
        optimiser=kind.split()[0],
        kwargs=options,
        loss="cross_entropy",
        clip=clip,
        batch_size=batch_size,
        max_steps=STEPS,
    )
    runs = [run(0), run(1, gamma=0.8, rate=0.001), run(2, gamma=0.2)]
    state = trained(flow, runs)
    for place, one in enumerate(runs):
        for ours, theirs in zip(state.stage.weights, by_hand(one, flow), strict=True):
            np.testing.assert_allclose(ours[place], theirs, rtol=0, atol=1e-10)


def test_warm_up_and_schedule_are_those_of_a_plain_loop():
    flow = schema.Torch(
        optimiser="Adam", kwargs={"lr": 0.01}, loss="cross_entropy", warmup=20, schedule="cosine", max_steps=50, look=7
    )
    state = trained(flow, [run(0)])
    for ours, theirs in zip(state.stage.weights, by_hand(run(0), flow, 50), strict=True):
        np.testing.assert_allclose(ours[0], theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("look", [1, 7, 1000])
def test_the_weights_do_not_depend_on_how_often_the_loss_is_looked_at(look):
    flow = schema.Torch(optimiser="AdamW", loss="cross_entropy", batch_size=16, max_steps=60)
    one, other = (trained(dataclasses.replace(flow, look=every), [run(0), run(1)]) for every in (100, look))
    for ours, theirs in zip(one.stage.weights, other.stage.weights, strict=True):
        assert torch.equal(ours, theirs)


def problem(**changes):
    options = {"loss": "cross_entropy", "batch_size": 16, "max_steps": 120, "look": 10, "optimiser": "AdamW"}
    flow = schema.Torch(**{**options, **changes})
    config = schema.Config(network=schema.Module(), flow=flow, widths=[WIDTH], seeds=[0, 1, 2])
    return Problem.of(config, DATA, NETWORK, "hash")


def rows(batch):
    return {row["key"]: row for progress in Trainer(batch) for _, row in progress.ended}


WALL = {"wall_seconds"}


def test_a_training_that_goes_on_ends_bit_for_bit_as_one_that_was_not_interrupted():
    ours = problem()
    [batch] = batches([Member(ours, one) for one in ours.runs.values()])
    whole = rows(batch)
    trainer = Trainer(batch)
    for number, _ in enumerate(trainer):
        if number == 4:
            break
    [rest] = trainer.rest
    assert rest.source is not None
    resumed = rows(rest)
    assert whole.keys() == resumed.keys()
    for key, row in whole.items():
        for column, value in row.items():
            if column not in WALL and value == value:
                assert resumed[key][column] == value, column


def test_runs_are_the_same_however_they_are_packed():
    ours = problem()
    members = [Member(ours, one) for one in ours.runs.values()]
    [batch] = batches(members)
    together = rows(batch)
    for member in members:
        [[key, alone]] = rows(next(batches([member]))).items()
        for column in ("loss_final", "rd_0.weight", "rd_theta", "accuracy_test", "loss_test"):
            assert alone[column] == pytest.approx(together[key][column], rel=1e-8)


def test_learning_rates_of_runs_in_one_batch_are_their_own():
    fast, slow = (problem(kwargs={"lr": rate}) for rate in (0.01, 0.001))
    assert fast.group == slow.group
    assert not set(fast.runs) & set(slow.runs)
    members = [Member(one, run) for one in (fast, slow) for run in one.runs.values()]
    [batch] = batches(members)
    together = rows(batch)
    alone = rows(next(batches(members[3:])))
    for key, row in alone.items():
        assert together[key]["loss_final"] == pytest.approx(row["loss_final"], rel=1e-8)
    assert np.mean([together[key]["rd_theta"] for key in fast.runs]) > np.mean([r["rd_theta"] for r in alone.values()])


def test_a_rate_may_be_a_power_of_the_width():
    assert [run.rate for run in problem(kwargs={"lr": "0.5*m**-0.5"}).runs.values()] == [0.5 * WIDTH**-0.5] * 3


def test_accuracy_and_loss_of_the_test_set_are_those_of_the_outputs():
    ours = problem()
    [batch] = batches([Member(ours, one) for one in ours.runs.values()])
    table = rows(batch)
    flow = dataclasses.replace(ours.config.flow)
    state = trained(flow, list(ours.runs.values()))
    f = state.network.outputs(state.stage.weights, torch.as_tensor(DATA.x_test))
    for place, key in enumerate(ours.runs):
        right = (f[place].argmax(dim=1).numpy() == DATA.y_test).mean()
        loss = nn.functional.cross_entropy(f[place], torch.as_tensor(DATA.y_test).long())
        assert table[key]["accuracy_test"] == pytest.approx(right)
        assert table[key]["loss_test"] == pytest.approx(float(loss))
        assert table[key]["status"] == "trained"
        assert table[key]["converged"]
    assert np.isnan(table[key]["mse_final"])


def test_a_stop_ends_runs_one_by_one():
    table = rows(
        next(batches([Member(ours, one) for ours in [problem(stop=0.2, max_steps=3000)] for one in ours.runs.values()]))
    )
    for row in table.values():
        assert row["status"] == "converged"
        assert row["loss_final"] <= 0.2
        assert row["steps"] % 10 == 0


def test_the_example_of_the_page_runs(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "modules.md").read_text()
    example = textwrap.dedent(re.search(r"^    import condense\n(?:    .*\n|\n)+", page, re.MULTILINE)[0])
    (tmp_path / "example.py").write_text(f"{example}print(len(runs), (runs.loss_final < runs.loss_initial).all())")
    command = [sys.executable, "example.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["12", "True"]


def test_python_has_it_too():
    network = from_module(lambda m: nn.Sequential(nn.Linear(1, m), nn.Tanh(), nn.Linear(m, 1)))
    runs = simulate([0.5, 1.0], network=network, flow="torch", widths=[20], seeds=[0, 1])
    assert len(runs) == 4
    assert runs["kappa"].isna().all()
    assert (runs["rd_0.weight"] > 0).all()
    assert (runs["mse_final"] < runs["mse_initial"]).all()
    assert runs["mse_final"].tolist() == runs["loss_final"].tolist()
