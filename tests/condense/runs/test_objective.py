import re

import numpy as np
import pandas as pd
import pytest

import condense
from condense import schema
from condense.job import Job
from condense.records import MEASURED
from condense.runs import objective

ALL = ["relative_change", "clusters", "unweighted", "alignment", "reduction"]


def job(**changes):
    quick = {"widths": [10, 20], "seeds": [0], "flow": schema.Descent(max_steps=3)}
    return Job(schema.Config(**quick | changes))


@pytest.mark.parametrize("observables", [ALL, ["clusters"], []])
def test_what_is_allowed_is_what_runs_log(tmp_path, observables):
    measure = schema.Measure(observables=observables)
    runs = job(measure=measure).run(tmp_path)
    logged = runs.select_dtypes(["number", "bool", "boolean"]).dropna(axis="columns", how="all")
    known = {name for name in logged if name in MEASURED or name not in condense.records.COLUMNS}
    with pytest.raises(ValueError, match=r"objective = 'seed' is not allowed: null, or a number") as refused:
        job(measure=measure, objective="seed")
    listed = re.search(r"these runs log: (.*);", str(refused.value))[1].split(", ")
    assert set(listed) == known
    for name in known:
        assert job(measure=measure, objective=name).value(tmp_path) == pytest.approx(runs[name].astype(float).mean())


def test_without_an_objective_there_is_no_value(tmp_path):
    job().run(tmp_path)
    assert job().value(tmp_path) is None
    assert job().wanted == job(objective="rd_w").wanted
    assert job().settings == job(objective="rd_w").settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "rd_v"}, "objective = 'rd_v' is not allowed: .*: rd_w, rd_a, .*, did you mean 'rd_w'?"),
        ({"objective": "status"}, "objective = 'status' is not allowed"),
        ({"objective": "rd_w", "measure": schema.Measure(observables=["clusters"])}, "observables adds others"),
        (
            {"objective": "rd_w", "network": schema.Network(name="residual", kwargs={"inputs": 1})},
            "objective = 'rd_w' is not allowed: .*rd_w1",
        ),
    ],
)
def test_a_column_that_no_run_will_have_is_refused_before_anything_runs(changes, message):
    with pytest.raises(ValueError, match=message):
        job(**changes)


def test_a_number_that_is_missing_makes_the_mean_so_and_a_column_without_any_is_refused():
    runs = pd.DataFrame({"rd_w": [1.0, np.nan], "lines": pd.array([2, 3], "Int64"), "clusters": pd.array([None] * 2)})
    assert np.isnan(objective.mean(runs, "rd_w"))
    assert objective.mean(runs, "lines") == 2.5
    with pytest.raises(ValueError, match="objective = 'clusters' is not allowed: .* that these runs log: rd_w, lines;"):
        objective.mean(runs, "clusters")


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_what_is_allowed_of_modules_is_what_they_log(tmp_path, monkeypatch, loss):
    (tmp_path / "net_of_objectives.py").write_text(
        "from torch import nn\n\ndef build(m):\n    return nn.Sequential(nn.Linear(2, m), nn.Tanh(), nn.Linear(m, 2))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    x = np.random.default_rng(0).standard_normal((20, 2))
    np.savez(tmp_path / "data.npz", x=x, y=(x[:, 0] > 0).astype(int) if loss == "cross_entropy" else x)
    changes = {
        "network": schema.Module(build="net_of_objectives.build"),
        "flow": schema.Torch(loss=loss, max_steps=3),
        "data": schema.Data(path=str(tmp_path / "data.npz"), test=0.25),
        "measure": schema.Measure(observables=["relative_change", "clusters", "ranks", "sharpness"]),
    }
    runs = job(**changes).run(tmp_path)
    logged = runs.select_dtypes(["number", "bool", "boolean"]).dropna(axis="columns", how="all")
    known = {name for name in logged if name in MEASURED or name not in condense.records.COLUMNS}
    with pytest.raises(ValueError, match=r"objective = 'rd_w' is not allowed: null, or a number") as refused:
        job(**changes, objective="rd_w")
    assert set(re.search(r"these runs log: (.*);", str(refused.value))[1].split(", ")) == known
    assert {"loss_test", "loss_final", "rd_0.weight", "rank_2.weight", "sharpness"} <= known
    assert job(**changes, objective="loss_test").value(tmp_path) == pytest.approx(runs["loss_test"].mean())
