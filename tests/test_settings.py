"""Settings on the command line: each is honoured, in a place of its own where it is swept, or refused."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.global_hydra import GlobalHydra

from analysis.cli import main
from condense import cli, load, records

SMALL = ("widths=[20]", "seeds=[0]", "flow.max_steps=2", "measure.observables=[relative_change]")


@pytest.fixture
def condense(tmp_path, monkeypatch):
    """Run the command line in this process, jobs included, and return the message it exits with, None without one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # which the command sets, for this process alone
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments):
        del os.environ["HYDRA_FULL_ERROR"]
        given = ["hydra/launcher=basic", *SMALL, *arguments[1:]] if "-m" in arguments else [*SMALL, *arguments]
        monkeypatch.setattr(sys, "argv", ["condense", *(["-m"] if "-m" in arguments else []), *given])
        GlobalHydra.instance().clear()
        try:
            cli.main()
        except SystemExit as ended:
            return str(ended.code)
        return None

    return run


def collected(folder):
    return pd.concat([records.read(path) for path in sorted(folder.rglob(records.FILE))], ignore_index=True)


def names(folder):
    return {path.parent.name for path in folder.rglob(records.FILE)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flow.max_steps=" + "9" * 5000], "flow.max_steps has a number of 5000 digits; allowed are at most 308"),
        (["hydra/launcher=slurm"], "hydra/launcher=slurm has no effect without -m: add -m"),
        (["hydra/sweeper=boundary"], "hydra/sweeper=boundary has no effect without -m: add -m"),
        (["hydra.launcher.workers=2"], "hydra.launcher.workers=2 has no effect without -m: add -m"),
        (["hydra.sweeper.plan=true"], "hydra.sweeper.plan=true has no effect without -m: add -m"),
        (["hydra.sweep.dir=mine"], "hydra.sweep.dir=mine has no effect .* the folder of a single run is hydra.run.dir"),
        (
            ["experiment=quickstart", "init.gamma_prime=0.0"],
            "hydra.sweeper.params vary init.gamma, which has no effect without -m: add -m, or give it a value",
        ),
        (["-m", "hydra.run.dir=mine"], "hydra.run.dir has no effect with -m: the folder of a sweep is hydra.sweep.dir"),
        (
            ["-m", "hydra.sweep.subdir=mine"],
            "hydra.sweep.subdir = 'mine' has no effect: .*; hydra/sweeper=basic honours it",
        ),
        (["-m", "hydra.sweeper.plan=no"], "hydra.sweeper.plan = 'no' is not allowed: true or false"),
        (
            ["-m", "measure.level=0.9,0.95"],
            ",level=0.9 and gamma=1,gamma_prime=0,level=0.95 are the same runs: measure.level does not tell them "
            "apart, and one of each two would be lost; give the command once for each, each with a folder of its own",
        ),
        (
            ["-m", "init.gamma=1.0,1.0000000000001"],
            "init.gamma=1.0 and init.gamma=1.0000000000001 would share the folder gamma=1,gamma_prime=0: give the",
        ),
        (["-m", "hydra/launcher=local", "hydra.job.chdir=true"], "hydra.job.chdir = True has no effect with hydra/lau"),
        *(
            (
                ["-m", f"init.gamma=range({ends})"],
                "init.gamma = range.* is not allowed: range.first,end,step. of finite numbers",
            )
            for ends in ("0,inf", "nan,1", "0,1,inf")
        ),
        (
            ["-m", "init.gamma=range(0,1,-1)"],
            "init.gamma = range\\(0,1,-1\\) is not allowed: a sweep of at least one",
        ),
        (
            ["-m", "measure.observables=[clusters]", "measure.threshold=0.9,0.95"],
            "threshold=0.9 and .*,threshold=0.95 are the same runs: measure.threshold does not tell them apart",
        ),
        (["-m", "compiled=true,false"], "are the same runs: compiled does not tell them apart"),
        (["-m", "widths=[20,30],[30,20]"], "widths=\\[20,30\\] and .*widths=\\[30,20\\] are the same runs"),
        (
            ["-m", "data.path=x/y.npz,x_y.npz"],
            "data.path=x/y.npz and data.path=x_y.npz would share the folder gamma=1,gamma_prime=0,path=x_y.npz",
        ),
    ],
)
def test_what_has_no_effect_or_would_lose_rows_is_refused(condense, tmp_path, arguments, message):
    (tmp_path / "x").mkdir()
    for number, name in enumerate(["x/y.npz", "x_y.npz"]):
        np.savez(tmp_path / name, x=[0.0, 1.0], y=[1.0, number])
    told = condense(*arguments)
    assert re.search(message, told), told
    assert not list(tmp_path.rglob(records.FILE))


def test_data_are_swept_by_any_of_their_keys(condense, tmp_path):
    assert condense("-m", "data=sines_3d", "data.samples=5,6", "data.seed=0,1", "hydra.sweep.dir=drawn") is None
    assert names(tmp_path / "drawn") == {
        f"gamma=1,gamma_prime=0,samples={samples},seed={seed}" for samples in (5, 6) for seed in (0, 1)
    }
    assert collected(tmp_path / "drawn").groupby("data").setting.nunique().to_dict() == {"sines_3d5": 2, "sines_3d6": 2}
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", x=[0.0, 1.0], y=[1.0, ord(name)])
    assert condense("-m", "data.path=a.npz,b.npz", "hydra.sweep.dir=read") is None
    assert set(collected(tmp_path / "read").data) == {"a.npz", "b.npz"}


def test_other_data_or_more_steps_in_the_folder_of_a_sweep_are_refused(condense, tmp_path):
    assert condense("-m", "data=sines_1d", "data.samples=5", "hydra.sweep.dir=mine") is None
    told = condense("-m", "data=sines_1d", "data.samples=6", "hydra.sweep.dir=mine")
    assert "data.name: there 'sines_1d5', now 'sines_1d6'" in told
    told = condense("-m", "data=sines_1d", "data.samples=5", "flow.max_steps=3", "hydra.sweep.dir=mine")
    assert "flow.max_steps: there 2, now 3" in told


def test_single_runs_that_begin_together_have_folders_of_their_own(condense, tmp_path):
    for gamma in (1.0, 1.5):
        assert condense(f"init.gamma={gamma}", "hydra.run.dir='mine/${now:%Y}'") is None
    first, second = sorted((tmp_path / "mine").iterdir(), key=lambda path: len(path.name))
    assert second.name == f"{first.name}_2"
    assert [collected(folder).gamma.tolist() for folder in (first, second)] == [[1.0], [1.5]]


def test_a_folder_that_is_named_is_taken_up_again(condense, tmp_path):
    for gamma in (1.0, 1.5):
        assert condense(f"init.gamma={gamma}", "hydra.run.dir=mine") is None
    assert collected(tmp_path / "mine").gamma.tolist() == [1.0, 1.5]


def test_a_single_run_of_an_experiment_has_a_value_for_all_that_it_varies(condense, tmp_path):
    for place in (["init.gamma=1.0", "init.gamma_prime=0.0"], ["init=he"]):
        assert condense("experiment=quickstart", *place, "hydra.run.dir=mine") is None
    assert len(collected(Path("mine"))) == 2


def test_a_point_of_a_later_command_does_not_share_the_folder_of_another(condense, tmp_path):
    assert condense("-m", "init.gamma=1.0", "hydra.sweep.dir=mine") is None
    before = collected(tmp_path / "mine")
    told = condense("-m", "init.gamma=1.0000000000001", "hydra.sweep.dir=mine")
    assert (
        "init.gamma=1.0000000000001 would share the folder gamma=1,gamma_prime=0 with init.gamma=1.0, which is there "
        "already: name another folder: hydra.sweep.dir=.."
    ) in told
    pd.testing.assert_frame_equal(collected(tmp_path / "mine"), before)
    assert condense("-m", "init.gamma=1,1.5", "widths=[20,30]", "hydra.sweep.dir=mine") is None
    assert len(collected(tmp_path / "mine")) == 4


def test_a_single_run_says_that_the_launcher_of_the_site_is_for_sweeps(condense, tmp_path, capsys):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "site.yaml").write_text("defaults: [config, _self_, {override hydra/launcher: slurm}]\n")
    assert condense("hydra.run.dir=mine", "--config-name=site") is None
    assert "computed here, by this process: hydra/launcher=slurm is for sweeps, with -m\n" in capsys.readouterr().err
    assert condense("hydra.run.dir=other") is None
    assert "computed here" not in capsys.readouterr().err


EXPERIMENT = """
# @package _global_
defaults: [override /hydra/launcher: slurm, override /hydra/sweeper: basic]
"""


def test_an_experiment_may_choose_the_launcher_and_the_sweeper(condense, tmp_path, capsys):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(EXPERIMENT)
    assert condense("experiment=mine", "hydra.run.dir=alone") is None
    assert "computed here, by this process: hydra/launcher=slurm is for sweeps, with -m\n" in capsys.readouterr().err
    assert condense("-m", "experiment=mine", "init.gamma=0.8,1.2", "hydra.sweep.dir=by_hydra") is None
    assert names(tmp_path / "by_hydra") == {"0", "1"}
    assert condense("-m", "experiment=mine", "hydra/sweeper=grid", "init.gamma=0.8", "hydra.sweep.dir=grid") is None
    assert names(tmp_path / "grid") == {"gamma=0.8,gamma_prime=0"}


@pytest.mark.parametrize(
    ("swept", "axes"),
    [
        (["flow=descent", "flow.rule=fixed", "flow.rate=0.01,0.02", "init.gamma=0.8,1.2"], "gamma,flow.rate"),
        (["data=sines_1d", "data.samples=5,6"], "data.samples"),
        (["flow=adam", "network.keep=0.9,1", "init.gamma=0.8,1.2"], "gamma,network.keep"),
    ],
    ids=["rate", "samples", "keep"],
)
def test_whatever_is_swept_is_a_map_with_a_readable_name(condense, tmp_path, swept, axes):
    short = (
        "flow.stop=0.99",
        "flow.relative=true",
        "flow.max_steps=500",
        "seeds=[0,1]",
        "measure.observables=[relative_change,clusters]",
        "hydra.sweep.dir=mine",
    )
    assert condense("-m", *swept, *short) is None
    key = axes.rpartition(",")[2]
    table = load("mine")
    assert len(table) == (8 if "," in axes else 4)
    assert table[key].nunique() == 2
    assert (table["job"].str.rpartition(f"{key.rpartition('.')[2]}=")[2].astype(float) == table[key]).all()
    assert main(["mine"]) == 0
    paths = [path.relative_to(tmp_path).as_posix() for path in (tmp_path / "mine").rglob("*")]
    assert f"mine/analysis/rd_w_over_{axes}.png" in paths
    assert f"mine/analysis/clusters_over_{axes}.csv" in paths
    assert not [path for path in paths if re.search("[0-9a-f]{12}", path)]
