from pathlib import Path

import pytest
from omegaconf import OmegaConf

from condense.before_start import BeforeStart

BY_EXPERIMENT = "${hydra.runtime.choices.experiment}"


def config(folder, sweeper="theirs", experiment=None, objective=None, detach=False):
    runtime = {"choices": {"experiment": experiment, "hydra/sweeper": "chosen"}}
    hydra = {"sweep": {"dir": folder}, "run": {"dir": folder}, "runtime": runtime, "overrides": {"hydra": []}}
    parts = {"sweeper": {"_target_": sweeper}, "launcher": {"detach": detach}}
    return OmegaConf.create({"hydra": {**hydra, **parts}, "objective": objective})


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


OPTUNA = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
GRID = "hydra_plugins.condense_sweeps.Grid"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sweeper": OPTUNA}, "objective = null is not allowed with hydra/sweeper=chosen: the column of the records"),
        ({"sweeper": OPTUNA, "objective": "rd_w", "detach": True}, "hydra.launcher.detach = True is not allowed with"),
        ({"sweeper": GRID, "objective": "rd_w"}, "objective = 'rd_w' has no effect with hydra/sweeper=chosen, which"),
    ],
)
def test_what_a_sweeper_cannot_use_ends_the_command(tmp_path, settings, message):
    with pytest.raises(SystemExit, match=f"^{message}"):
        BeforeStart().on_multirun_start(config(f"{tmp_path}/x", **settings))


@pytest.mark.parametrize(("sweeper", "objective"), [(OPTUNA, "rd_w"), (GRID, None), ("theirs", "rd_w")])
def test_what_a_sweeper_can_use_is_taken(tmp_path, sweeper, objective):
    BeforeStart().on_multirun_start(config(f"{tmp_path}/x", sweeper, objective=objective))
