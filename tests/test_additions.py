"""To add something takes three files at most, two of them in tests/additions: it works as what was there does."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fits import misfits_written

from analysis.cli import main
from analysis.report.catalogue import FIGURES
from condense.planes import PLANES, two_layer, with_columns

B_W, B_A = (0.3, 0.4, 0.5, 0.6, 0.7), (0.4, 0.6)

SMALL = ("widths=[50,200]", "seeds=[0,1]")

ADDED = Path(__file__).parent / "additions"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return what runs a module of ours in a folder whose processes know what is added in tests/additions."""
    folder = tmp_path_factory.mktemp("added")
    shutil.copytree(ADDED / "conf", folder / "conf")
    environment = {**os.environ, "PYTHONPATH": str(ADDED)}

    def run(*arguments):
        command = [sys.executable, "-m", *map(str, arguments)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.folder = folder
    return run


def swept(key, values):
    return f"init.{key}={','.join(map(str, values))}"


@pytest.fixture(scope="module")
def layers(run):
    """The folder of a sweep over the plane of layers, analysed."""
    run("condense", "-m", "init=layers", swept("b_w", B_W), swept("b_a", B_A), *SMALL, "hydra.sweep.dir=layers")
    run("analysis", "layers")
    return run.folder / "layers"


def test_its_points_have_folders_and_columns_of_their_own(layers):
    folders = {path.parent.name for path in layers.glob("*/runs.parquet")}
    assert folders == {f"b_w={b_w:g},b_a={b_a:g}" for b_w in B_W for b_a in B_A}
    runs = pd.concat(map(pd.read_parquet, layers.glob("*/runs.parquet")))
    assert runs[["gamma", "gamma_prime"]].isna().all(axis=None)
    assert set(runs["b_w"]) == set(B_W)
    assert set(runs["initialisation"]) == {"layers"}


def test_exponents_theory_and_zeros_are_those_of_two_layers_in_other_coordinates(layers, run):
    table = pd.read_csv(layers / "analysis" / "exponents.csv")
    for row in table.itertuples():
        point = row.b_w + row.b_a, row.b_a - row.b_w
        if not two_layer.in_wedge(*point):
            assert row.S_w_predicted == pytest.approx(two_layer.exponent(*point))
        assert row.regime_predicted == two_layer.regime(*point)
    zeros = pd.read_csv(layers / "analysis" / "boundary.csv")
    assert zeros["b_a"].tolist() == list(B_A)
    assert zeros["b_w_theory"].tolist() == [0.6, 0.5]
    assert (abs(zeros["b_w_local"] - zeros["b_w_theory"]) < 0.15).all()
    run("condense", "-m", "init.gamma=1.1", "init.gamma_prime=0.1", *SMALL, "hydra.sweep.dir=same")
    [same] = map(pd.read_parquet, (run.folder / "same").glob("*/runs.parquet"))
    runs = pd.read_parquet(layers / "b_w=0.5,b_a=0.6" / "runs.parquet")
    np.testing.assert_allclose(runs["rd_w"], same["rd_w"], rtol=1e-9)
    assert not set(runs["key"]) & set(same["key"])


def test_it_is_drawn_with_its_own_names(layers):
    drawn = (layers / "analysis" / "phase_diagram.svg").read_text()
    assert drawn.count("<path") > 20
    assert {"phase_diagram.png", "clusters.png", "relative_change.png"} <= {
        path.name for path in (layers / "analysis").iterdir()
    }
    report = (layers / "analysis" / "report.txt").read_text()
    assert "zero of S_w along b_w" in report
    assert "gamma" not in report


def test_the_boundary_sweeper_refines_its_line(run):
    told = run(
        *("condense", "-m", "hydra/sweeper=boundary", "init=layers", "hydra.sweep.dir=line", "widths=[50,200]"),
        *("init.b_w=interval(0.2,0.8)", "init.b_a=interval(0.3,0.7)"),
        *(
            "hydra.sweeper.coordinates=[init.b_w,init.b_a]",
            "hydra.sweeper.start=[3,3]",
            "hydra.sweeper.points=12",
            "seeds=[0,1,2]",
            "hydra.sweeper.repeats=3",
        ),
    )
    assert "b_w" in told
    run("analysis", "line")
    zeros = pd.read_csv(run.folder / "line" / "analysis" / "boundary.csv")
    assert (abs(zeros["b_w_local"] - zeros["b_w_theory"]).median()) < 0.1


def test_points_of_two_planes_are_not_mixed_in_a_folder(run, layers):
    with pytest.raises(AssertionError, match=r"init\.plane"):
        run("condense", "-m", "init.gamma=1.0", "init.gamma_prime=0.0", *SMALL, "hydra.sweep.dir=layers")


def test_a_table_has_the_plane_whose_coordinates_it_has():
    assert with_columns(["seed", "gamma", "gamma_prime"]) is PLANES["plane"]
    assert with_columns(["seed"]) is PLANES["plane"]


def collected(folder):
    return pd.concat(map(pd.read_parquet, folder.glob("*/runs.parquet")), ignore_index=True)


def test_a_flow_a_data_set_an_observable_and_a_launcher_work_together(run):
    run(
        *(
            "condense",
            "-m",
            "flow=momentum",
            "flow.rate=0.05,0.1",
            "data=waves",
            "data.samples=6",
            "flow.max_steps=100",
        ),
        *("measure.observables=[relative_change,largest_residual]", "init=mean_field", "hydra/launcher=nice"),
        *("hydra.sweep.dir=together", *SMALL),
    )
    runs = collected(run.folder / "together")
    assert len(runs) == 8
    assert set(runs["flow"]) == {"momentum"}
    assert set(runs["data"]) == {"waves"}
    assert runs["largest_residual"].between(np.sqrt(runs["mse_final"]), np.sqrt(6 * runs["mse_final"])).all()
    assert '"site": "nice"' in (run.folder / "together" / ".sweep" / "001" / "submission.json").read_text()
    run("analysis", "together", "--x", "flow.rate", "--y", "width", "--value", "largest_residual", "--unconverged")
    assert (run.folder / "together" / "analysis" / "largest_residual_over_flow.rate,width.png").exists()


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("flow.momentum=1.0", r"flow.momentum = 1.0 is not allowed: a number from 0 to below 1"),
        ("data=wave", r"data=wave"),
        ("measure.observables=[largest_residuals]", "did you mean 'largest_residual'"),
        ("hydra.launcher.niceness=20", "hydra.launcher.niceness = 20 is not allowed: an integer from 0 to 19"),
    ],
)
def test_bad_values_of_what_is_added_are_refused_as_others_are(run, setting, told):
    chosen = ("hydra/launcher=nice", "flow=momentum", "data=waves", "hydra.sweep.dir=none", *SMALL)
    with pytest.raises(AssertionError, match=told):
        run("condense", "-m", *chosen, setting)
    assert not (run.folder / "none").exists()


def test_momentum_of_nothing_is_descent(run):
    descent = ("flow=descent", "flow.rule=fixed", "hydra.sweep.dir=descent")
    momentum = ("flow=momentum", "flow.momentum=0.0", "hydra.sweep.dir=plain")
    for flow in (descent, momentum):
        run("condense", "-m", *flow, "flow.rate=0.1", "flow.max_steps=100", "init=mean_field", *SMALL)
    one, other = (collected(run.folder / name).sort_values(["width", "seed"]) for name in ("descent", "plain"))
    assert set(one["steps"]) == set(other["steps"]) == {100}
    np.testing.assert_allclose(one["rd_w"], other["rd_w"], rtol=1e-10)


def test_a_figure_is_drawn_in_any_style_and_removed_when_it_cannot_be(layers, monkeypatch):
    monkeypatch.syspath_prepend(ADDED)
    importlib.import_module("layers")
    monkeypatch.setitem(PLANES, "layers", PLANES.pop("layers"))
    monkeypatch.setitem(FIGURES, "steps_map", importlib.import_module("steps_map").STEPS)
    assert misfits_written(layers.parent / "misfits", layers, "--style", "paper", "--width", 3.3) == []
    drawn = layers / "analysis" / "steps_map.pdf"
    assert drawn.stat().st_size > 5_000
    monkeypatch.setitem(FIGURES, "steps_map", FIGURES["steps_map"]._replace(draw=FIGURES["infinite"].draw))
    assert main([str(layers)]) == 0
    assert not drawn.exists()
