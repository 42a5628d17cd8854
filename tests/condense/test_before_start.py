from pathlib import Path

import pytest
from omegaconf import OmegaConf

from condense.before_start import BeforeStart

BY_EXPERIMENT = "${hydra.runtime.choices.experiment}"


def config(folder, sweeper="basic", experiment=None):
    runtime = {"choices": {"experiment": experiment, "hydra/sweeper": sweeper}}
    hydra = {"sweep": {"dir": folder}, "run": {"dir": folder}, "runtime": runtime, "overrides": {"hydra": []}}
    return OmegaConf.create({"hydra": {**hydra, "sweeper": {"_target_": "theirs"}}, "objective": None})


def test_sweeps_of_others_in_one_second_have_a_folder_each(tmp_path):
    folders = set()
    for _ in range(3):
        theirs = config(f"{tmp_path}/it's/{BY_EXPERIMENT}")
        BeforeStart().on_multirun_start(theirs)
        folders.add(Path(theirs.hydra.sweep.dir))
        name = Path(theirs.hydra.sweep.dir).name
        assert theirs.hydra.overrides.hydra == [f"hydra.sweep.dir='{tmp_path}/it\\'s/{name}'"]
    assert folders == set((tmp_path / "it's").iterdir())
    assert len(folders) == 3


@pytest.mark.parametrize(("folder", "experiment"), [("mine", None), (BY_EXPERIMENT, "mine")])
def test_a_folder_that_is_named_stays(tmp_path, folder, experiment):
    theirs = config(f"{tmp_path}/{folder}", experiment=experiment)
    BeforeStart().on_multirun_start(theirs)
    assert theirs.hydra.sweep.dir == f"{tmp_path}/mine"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x", BY_EXPERIMENT])
def test_a_folder_that_cannot_be_made_ends_the_command(tmp_path, name):
    (tmp_path / "file").touch()
    theirs = config(f"{tmp_path}/file/{name}")
    with pytest.raises(SystemExit, match="hydra.sweep.dir = '.*/file/.*' is not allowed: .*/file is not a folder"):
        BeforeStart().on_multirun_start(theirs)
    with pytest.raises(SystemExit, match="hydra.run.dir = '.*/file/.*' is not allowed: .*/file is not a folder"):
        BeforeStart().on_run_start(theirs)


def test_a_sweeper_that_seeks_the_best_needs_an_objective(tmp_path):
    theirs = config(str(tmp_path), sweeper="optuna")
    with pytest.raises(SystemExit, match="objective = null is not allowed with hydra/sweeper=optuna: the column"):
        BeforeStart().on_multirun_start(theirs)
    theirs.objective = "rd_w"
    BeforeStart().on_multirun_start(theirs)
