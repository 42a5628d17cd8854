"""Observables of one's own: tried before any run, and an error in one is told by its name."""

from __future__ import annotations

import re
import sys

import pytest

import condense
from condense.job import Job
from condense.schema import Config, Exponential, Measure, Plane

MODULE = """
import torch

calls = []

def sharpness(state, measure):
    return {"sharpness": torch.linalg.eigvalsh(state.stage.kernel)[:, -1], "word": ["fine"] * len(state.run)}

def later(state, measure):
    calls.append(1)
    return {"x": [state.missing if len(calls) > 1 else 0.0] * len(state.run)}

def raises(state, measure):
    return {"x": state.missing}

def listed(state, measure):
    return [1.0] * len(state.run)

def single(state, measure):
    return {"x": 1.0}

def short(state, measure):
    return {"x": [1.0] * (len(state.run) + 1)}

def tensors(state, measure):
    return {"x": state.stage.outputs}

def again(state, measure):
    return {"rd_w": state.mse}
"""


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    (tmp_path / "own_numbers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own_numbers", None)


def simulate(name, **options):
    measure = Measure(observables=["relative_change", f"own_numbers.{name}"])
    flow = Exponential(stop=0.9, relative=True)
    return condense.simulate([0.8, 1.2], widths=[20, 10], seeds=[0, 1], measure=measure, flow=flow, **options)


def test_a_number_of_ones_own_is_a_column_and_can_be_drawn(tmp_path):
    table = simulate("sharpness", folder=tmp_path / "mine")
    assert (table["sharpness"] > 0).all()
    assert set(table["word"]) == {"fine"}
    from analysis.cli import main

    assert main([str(tmp_path / "mine"), "--x", "init.gamma", "--y", "width", "--value", "sharpness"]) == 0
    assert (tmp_path / "mine" / "analysis" / "sharpness_over_gamma,width.png").exists()


BAD = {
    "raises": "raised AttributeError: 'State' object has no attribute 'missing'",
    "listed": "returned list; allowed is {column: a number, or a text, for each run}",
    "single": "returned float of x for 1 runs; allowed is",
    "short": "returned 2 values of x for 1 runs; allowed is",
    "tensors": "returned list for a run in x; allowed is",
    "again": "returned a column rd_w, which the records have already: name it otherwise",
}


@pytest.mark.parametrize("name", list(BAD))
@pytest.mark.parametrize("door", ["python", "job"])
def test_what_is_no_observable_is_refused_before_anything_runs(name, door, tmp_path):
    config = Config(init=Plane(1.0), measure=Measure(observables=["relative_change", f"own_numbers.{name}"]))
    with pytest.raises(ValueError, match=re.escape(f"measure.observables = 'own_numbers.{name}' {BAD[name]}")):
        simulate(name, folder=tmp_path / "mine") if door == "python" else Job(config)
    assert not (tmp_path / "mine").exists()


def test_what_one_raises_in_training_is_told_by_its_name():
    with pytest.raises(ValueError, match="measure.observables = 'own_numbers.later' raised AttributeError: 'State' o"):
        simulate("later")
