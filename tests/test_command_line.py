"""The command line end to end, in processes of their own and in folders of every kind."""

import functools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from fits import misfits_written

from condense import records
from condense.cli import config_folder

EXPERIMENTS = sorted(path.stem for path in (config_folder() / "experiment").glob("*.yaml"))

SMALL = ("widths=[20,40]", "seeds=[0]")

NET = """
import torch

class Net:
    scales = {"w": (0.5, -0.5), "a": (0.5, 0.5)}

    def init(self, generator, m):
        return {"w": torch.randn(m, 2, generator=generator), "a": torch.randn(m, generator=generator)}

    def forward(self, params, x):
        return torch.relu(x @ params["w"].T) @ params["a"]

visits = {}

class Raises(Net):  # in training: at the check it is visited once at every larger width
    def __init__(self, above=0.0):
        self.above = above

    def forward(self, params, x):
        m = len(params["a"])
        visits[m] = visits.get(m, 0) + 1
        if m > self.above and visits[m] > 1:
            raise RuntimeError("out of luck")
        return super().forward(params, x)
"""

RAISED = "NetworkError: network Raises: forward at width 40 raised RuntimeError: out of luck"


@pytest.fixture
def here(tmp_path):
    """A working directory with a space and a quote in its name, the user's own network and data in it."""
    folder = tmp_path / "a user's folder"
    folder.mkdir()
    (folder / "mynet.py").write_text(NET)
    x = np.random.default_rng(0).standard_normal((5, 2))
    np.savez(folder / "my.npz", x=x, y=np.sin(x[:, 0]))
    return folder


def condense(folder, *arguments):
    command = [sys.executable, "-m", "condense", *arguments]
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)


def collected(folder):
    tables = [records.read(path) for path in sorted(folder.rglob(records.FILE))]
    return pd.concat(tables).sort_values("key", ignore_index=True)


def written(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob(records.FILE)}


def test_a_single_run_prints_its_table_and_keeps_its_records(here):
    done = condense(here, "init.gamma=1.2", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "plane: gamma = 1.2, gamma' = 0; theory of two-layer ReLU: condensed, RD_w ~ m^0.1" in done.stdout
    assert re.search(r"width +seed +RD_w +RD_a +RD_theta +clusters +mse +steps +status", done.stdout)
    [path] = (here / "multirun" / "single").glob("*/runs.parquet")
    assert len(records.read(path)) == 2
    assert f"{path.parent.name}/runs.parquet" in done.stdout


def test_a_network_and_data_of_your_own(here):
    options = ("network._target_=mynet.Net", "data.path=my.npz", "flow.stop=1e-4", *SMALL)
    done = condense(here, "-m", "init.gamma=0.8,1.2", *options)
    assert done.returncode == 0, done.stderr
    runs = collected(here / "multirun")
    assert runs.converged.all()
    assert set(runs.network) == {"mynet.Net"}
    assert set(runs.data) == {"my.npz"}


def test_own_code_that_was_edited_is_not_mixed_with_what_it_was(here):
    command = ("-m", "init.gamma=1.0", "network._target_=mynet.Net", "data.path=my.npz", "flow.stop=1e-2", *SMALL)
    first = condense(here, *command)
    assert first.returncode == 0, first.stderr
    [folder] = (here / "multirun").glob("grid_*")
    before = written(folder)
    (here / "mynet.py").write_text(NET.replace("torch.relu", "torch.tanh"))
    for more in ((), ("widths=[20,40,80]",)):
        refused = condense(here, *command, *more)
        assert refused.returncode == 1
        assert re.search(r"mynet.Net: there \w{12}, now \w{12}\nNothing was started", refused.stderr)
        assert written(folder) == before
    [accept] = re.findall(r"accept_code=\[mynet.Net@\w+\]", refused.stderr)
    added = condense(here, *command, "widths=[20,40,80]", accept)
    assert added.returncode == 0, added.stderr
    runs = collected(folder).sort_values("width")
    assert list(runs.width) == [20, 40, 80]
    assert [name == runs.code.iloc[0] for name in runs.code] == [True, True, False]


@pytest.mark.parametrize("sweep", [(), ("-m", "hydra/launcher=basic", "hydra/sweeper=basic", "hydra.sweep.dir=out")])
def test_paths_start_where_the_command_was_typed(here, sweep):
    done = condense(here, *sweep, "data.path=my.npz", "hydra.job.chdir=true", "flow.stop=1e-3", *SMALL)
    assert done.returncode == 0, done.stderr
    assert set(collected(here).data) == {"my.npz"}


def test_a_sweep_is_resumed_and_added_to(here):
    command = ("-m", "init.gamma=0.8,1.2", "init.gamma_prime=0.0", *SMALL)
    first = condense(here, *command)
    assert first.returncode == 0, first.stderr
    assert "2 of 2 points complete" in first.stdout
    assert "4 runs: 4 converged" in first.stdout
    [folder] = (here / "multirun").iterdir()
    assert {path.name for path in folder.iterdir()} == {
        "gamma=0.8,gamma_prime=0",
        "gamma=1.2,gamma_prime=0",
        "sweep.json",
        ".sweep",
    }
    before, whole = written(folder), collected(folder)

    again = condense(here, *command)
    assert "2 points, 2 of them complete already" in again.stdout
    assert written(folder) == before

    more = condense(here, "-m", "init.gamma=0.8,1.2,1.4", "widths=[20,40,60]", "seeds=[0,1]")
    assert more.returncode == 0, more.stderr
    grown = collected(folder)
    assert len(grown) == 3 * 3 * 2
    assert grown.key.is_unique
    kept = grown[grown.key.isin(whole.key)].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, whole)  # wall_seconds too: not computed again

    lost = folder / "gamma=1.2,gamma_prime=0" / records.FILE
    before = written(folder)
    lost.write_bytes(lost.read_bytes()[:100])
    mended = condense(here, "-m", "init.gamma=0.8,1.2,1.4", "widths=[20,40,60]", "seeds=[0,1]")
    assert "3 points, 2 of them complete already" in mended.stdout
    assert "is damaged: its runs are computed again" in mended.stderr
    assert {path for path, time in written(folder).items() if time != before[path]} == {lost}
    columns = [name for name in grown if name != "wall_seconds"]
    pd.testing.assert_frame_equal(collected(folder)[columns], grown[columns])


def test_an_interrupted_sweep_keeps_what_is_finished_and_goes_on(here):
    grid = ("-m", "init.gamma=range(0.6,1.4,0.1)", "seeds=[0]")
    command = [
        sys.executable,
        "-m",
        "condense",
        *grid,
        "widths=[50,400000]",
        "compiled=false",
        "hydra.launcher.workers=1",
    ]
    # What a shell starts in the background ignores SIGINT, and so would all it starts: these tests may be run that way.
    listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipe = subprocess.PIPE
    sweep = subprocess.Popen(command, cwd=here, stdout=pipe, stderr=pipe, text=True, preexec_fn=listen)
    while not list(here.rglob(records.FILE)):
        time.sleep(0.02)
    sweep.send_signal(signal.SIGINT)
    out, error = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, error
    assert "interrupted: what is finished is kept" in error
    assert re.search(r"\d points missing: stopped by SIGTERM; what was finished is kept", out)
    assert "the same command again computes what is missing" in out
    before = collected(here).query("width == 50").set_index("key").wall_seconds
    assert len(before) == 8
    again = condense(here, *grid, "widths=[50,2000]")
    assert again.returncode == 0, again.stderr
    assert len(collected(here).query("width <= 2000")) == 16
    pd.testing.assert_series_equal(before, collected(here).set_index("key").wall_seconds[before.index])


def test_other_settings_in_the_same_folder_are_refused(here):
    assert condense(here, "-m", "init.gamma=1", "hydra.sweep.dir=mine", *SMALL).returncode == 0
    before = written(here / "mine")
    done = condense(here, "-m", "init.gamma=1,2", "hydra.sweep.dir=mine", "network.activation=tanh", *SMALL)
    assert done.returncode == 1
    assert "mine holds a sweep with other settings:\n  network.activation: there the default, now 'tanh'" in done.stderr
    assert "Nothing was started" in done.stderr
    assert written(here / "mine") == before


def test_a_job_that_raises_leaves_the_others_and_says_how_to_run_it_again(here):
    options = ("data.path=my.npz", "flow.stop=1e-3", "seeds=[0]", "hydra.sweep.dir='my sweep'")
    bad = condense(
        here, "-m", "network._target_=mynet.Raises", "network.kwargs={above: 30}", "widths=[20],[20,40]", *options
    )
    assert bad.returncode == 1
    assert "1 of 2 points complete" in bad.stdout
    assert "3 runs: 2 converged, 1 failed" in bad.stdout
    assert f"failed gamma=1,gamma_prime=0,widths=[20,40]: {RAISED}" in bad.stdout
    assert "1 of 2 jobs failed" in bad.stderr
    failed = collected(here / "my sweep").set_index("width").loc[40.0]
    assert (failed.status, failed.error) == ("failed", RAISED)
    assert np.isnan(failed.rd_w)

    [again] = [line.split("again: ")[1] for line in bad.stdout.splitlines() if "again: " in line]
    (here / "mynet.py").write_text(NET.replace("raise RuntimeError", "print"))
    refused = condense(here, *shlex.split(again)[3:])
    [accept] = re.findall(r"accept_code=\[mynet.Raises@\w+\]", refused.stderr)
    mended = condense(here, *shlex.split(again)[3:], accept)
    assert mended.returncode == 0, mended.stderr
    assert "1 of 1 points complete" in mended.stdout
    assert collected(here / "my sweep").converged.all()
    assert not list((here / "my sweep").rglob("error.txt"))


def test_a_sweep_ends_at_the_first_failed_point_if_asked(here):
    options = ("data.path=my.npz", "flow.max_steps=9", "seeds=[0]", "hydra.sweep.dir=mine")
    grid = (
        "-m",
        "network._target_=mynet.Raises",
        "network.kwargs={above: 30}",
        "widths=[20],[20,40],[20,60]",
        *options,
    )
    stopped = condense(here, *grid, "hydra.sweeper.fail_fast=true", "hydra.launcher.workers=1")
    assert stopped.returncode == 1
    failed = "gamma=1,gamma_prime=0,widths=[20,40]"
    assert f"as hydra.sweeper.fail_fast says: {failed}: {RAISED}\n" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert f"1 points missing: stopped as {failed} failed; what was finished is kept" in stopped.stdout
    assert sorted(collected(here / "mine").width) == [20, 20, 20, 40]
    refused = condense(here, *grid, "hydra.sweeper.fail_fast=true", "hydra/launcher=basic")
    assert "hydra.sweeper.fail_fast = True is not allowed: hydra/launcher=local or slurm" in refused.stderr
    word = condense(here, *grid, "hydra.sweeper.fail_fast=maybe")
    assert "hydra.sweeper.fail_fast = 'maybe' is not allowed: true or false" in word.stderr


def test_a_swept_setting_has_its_own_folders(here):
    done = condense(here, "-m", "network.activation=relu,tanh", "init=ntk,xavier", *SMALL)
    assert done.returncode == 0, done.stderr
    [folder] = (here / "multirun").iterdir()
    names = {path.name for path in folder.iterdir() if path.is_dir()} - {".sweep"}
    assert names == {f"init={init},activation={s}" for init in ("ntk", "xavier") for s in ("relu", "tanh")}
    assert collected(folder).setting.nunique() == 2


def test_swept_keys_in_another_order_are_the_same_sweep(here):
    keys = ("init.antisymmetric=true,false", "network.activation=relu,tanh")
    options = ("init.gamma=1.0", "hydra.sweep.dir=mine", "widths=[20]", "seeds=[0]")
    assert condense(here, "-m", *keys, *options).returncode == 0
    before = written(here / "mine")
    assert len(before) == 4
    again = condense(here, "-m", *reversed(keys), *options)
    assert "4 points, 4 of them complete already" in again.stdout
    assert written(here / "mine") == before
    assert collected(here / "mine").antisymmetric.sum() == 2


def test_jobs_that_differ_in_more_than_the_swept_keys_are_refused(here):
    done = condense(here, "-m", "experiment=luo2021_fig2,luo2021_fig5")
    assert done.returncode == 1
    assert "the jobs of this command differ in more than the keys swept:" in done.stderr
    assert "data.name: there 'mnist45', now 'parabola'" in done.stderr
    assert not list(here.rglob(records.FILE))


def test_a_conf_folder_of_your_own_adds_experiments(here):
    (here / "conf" / "experiment").mkdir(parents=True)
    (here / "conf" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nwidths: [20]\nseeds: [0]\nhydra: {sweeper: {params: {init.gamma: '1.0,1.5'}}}\n"
    )
    done = condense(here, "-m", "experiment=mine")
    assert done.returncode == 0, done.stderr
    assert len(collected(here / "multirun" / "mine")) == 2


PICTURES = {
    "condense_1d": ("orientation", "output_curves", "training_curves"),
    "dropout_condensation": ("effective_ratio", "keep=0.9/orientation"),
    "infinite_width": ("relative_change", "infinite", "zero_line", "collapse"),
    "initial_condense": ("cosine_matrices", "flow=adam/cosine_matrices_training", "flow=adam/alignment"),
    "initial_phase": ("relative_change",),
    "luo2021_fig2": ("orientation", "output_curves"),
    "luo2021_fig3": ("relative_change",),
    "luo2021_fig4": ("relative_change",),
    "luo2021_fig5": ("relative_change",),
    "luo2021_fig6": ("orientation", "output_curves"),
    "matrix_completion": ("depth=2/singular_values", "depth=3/singular_values"),
    "matrix_factorisation": ("depth=2/singular_values", "depth=3/singular_values"),
    "overview_1d": ("orientation_training", "training_curves"),
    "quickstart": ("relative_change",),
    "three_layer": ("relative_change", "phase_diagram_w2"),
    "three_layer_initial": ("cosine_matrices", "cosine_matrices_before", "rank_one"),
    "three_layer_lines": ("relative_change", "phase_diagram_w2"),
    "three_layer_small": ("relative_change", "phase_diagram_w2"),
    "wedge": ("exponent_by_loss",),
    "zhou2022_depth": ("cosine_matrices",),
    "zhou2022_field": ("activation=tanh,flow=adam/direction_field", "activation=tanh,flow=adam/output_curves"),
    "zhou2022_multiplicity": ("cosine_matrices", "lines_by_scale"),
}
"""What `python -m analysis` draws of an experiment in its shrunk form, among others."""

SMALLER = {
    "init.gamma": "init.gamma=0.8,1.2",
    "init.gamma_prime": "init.gamma_prime=0.0",
    "init.gamma3": "init.gamma3=1.5,2.0",
    "init.gamma2": "init.gamma2=0.0",
    "network.activation": "network.activation=tanh,x_tanh",
    "init.beta1": "init.beta1=1e-3,1e-4",
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_runs_in_a_shrunk_form_by_the_command_it_opens_with(here, name):
    text = (config_folder() / "experiment" / f"{name}.yaml").read_text()
    command = re.search(r"^# python -m condense (.*)$", text, re.MULTILINE)[1]
    assert command == f"-m experiment={name}"
    swept = [line for key, line in SMALLER.items() if f"      {key}:" in text]
    on_the_plane = "      init.gamma:" in text or "      init.gamma3:" in text
    widths = "widths=[20,40]" if on_the_plane else "widths=[20]"
    shorter = [] if on_the_plane else ["flow.max_steps=12"]
    ladder = ["virtual.neurons=[40,20]"] if "\nvirtual:" in text else []
    done = condense(here, *shlex.split(command), widths, "seeds=[0]", *swept, *shorter, *ladder)
    assert done.returncode == 0, done.stderr
    folder = here / "multirun" / name
    runs = collected(folder)
    assert runs.status.isin(["converged", "max_steps"]).all()
    if on_the_plane:
        rungs = len(yaml.safe_load(text)["virtual"]["widths"]) if ladder else 0
        assert len(runs) == 4 + 2 * 2 * rungs
        assert runs.converged[~runs.virtual].all()
    settings = json.loads((folder / "sweep.json").read_text())["settings"]
    named = re.search(r"override /data: (\w+)", text)
    assert settings["data.name"].startswith(named[1] if named else "parabola")
    narrow = ("--style", "paper", "--width", 3.3, "--format", "png")
    assert misfits_written(here / "misfits", folder, *narrow) == []
    for picture in PICTURES[name]:
        assert (folder / "analysis" / f"{picture}.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("name", "jobs", "widths"),
    [("quickstart", 45, [500, 1000, 2000, 4000]), ("luo2021_fig4", 117, [1000, 5000, 10000, 20000, 40000])],
)
def test_an_experiment_has_the_last_word_on_the_defaults(name, jobs, widths):
    from hydra import compose, initialize_config_dir

    from condense.cli import register_schema

    register_schema()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("config", [f"experiment={name}"], return_hydra_config=True)
    assert list(config.widths) == widths
    gammas, gamma_primes = (config.hydra.sweeper.params[key].split(",") for key in ("init.gamma", "init.gamma_prime"))
    assert len(gammas) * len(gamma_primes) == jobs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["init.gama=1"], "Key 'gama' not in 'Plane'.*init.gama is not a key of the config, did you mean 'init.gamma'"),
        (["init.gamma=abc"], "init.gamma=abc.*Value 'abc' of type 'str' could not be converted to Float"),
        (["init.gamma=nan"], "init.gamma = nan is not allowed: a finite number"),
        (["widths=[10.5]"], "Value '10.5' of type 'float' could not be converted to Integer.*full_key: widths"),
        (["widths=100"], "widths takes a list, such as widths=\\[100\\]"),
        (["snapshots=[1,2]"], "snapshots is a group of keys; set one of them, such as snapshots.steps=\\[1,2\\]"),
        (["data=[1,2]"], r"data is a group of keys; choose it by name, data=completion\|digits\|four_ramps\|matrix"),
        (["init=5"], r"init=5: init is a group of keys; choose it by name, init=he\|lecun\|mean_field"),
        (["-m", "flow=null,adam"], r"flow=null,adam: flow is a group of keys; choose it by name, flow=adam\|adam_100"),
        (
            ["-m", "init.gamma=range(0,1,-1)"],
            r"init.gamma = range\(0,1,-1\) is not allowed: a sweep of at least one value",
        ),
        (
            ["-m", "init.gamma=interval(0,1)"],
            r"init.gamma = interval\(0,1\) is not allowed: values, or steps such as range",
        ),
        (
            ["network.activation=tanh", "network._target_=mynet.Net"],
            "network.activation = 'tanh' has no effect with netw",
        ),
        (
            ["data.seed=3"],
            "data.seed = 3 has no effect with data.name = 'parabola', whose points are not drawn: leave it",
        ),
        (
            ["snapshots.steps=[0]", "snapshots.seeds=[7]"],
            "snapshots.seeds = \\[7\\] is not allowed: null, or some of seeds",
        ),
        (["seeds=[]"], "seeds = \\[\\] is not allowed: a list of at least one integer"),
        (["network.activation=rleu"], "network.activation = 'rleu' is not known, did you mean 'relu'"),
        (["network=two_layrs"], "Could not find 'network/two_layrs'.*network=two_layrs is not known, did you mean"),
        (["-m", "experiment=quikstart"], "experiment=quikstart is not known, did you mean 'quickstart'"),
        (["+init.foo=1"], "init.foo is not a key of the config; allowed: gamma, gamma_prime, antisymmetric"),
        (["data.path=no.npz"], "data.path = 'no.npz': no such file"),
        (["network._target_=nomod.Net"], "network._target_ = 'nomod.Net': the module 'nomod' cannot be imported"),
        (["network.activation=mynet.nope"], "network.activation = 'mynet.nope': the module 'mynet' has no 'nope'"),
        (["network.name=mynet.Net"], "network.name = 'mynet.Net' is not known.*by network._target_=mymodule.Net"),
        (["network._target_=mynet.Net"], "network Net: forward at width 20 raised RuntimeError: mat1 and mat2 shapes"),
        (["network._target_=mynet.Net", "network.kwargs={hiden: 3}"], "network.kwargs = {'hiden': 3} do not fit mynet"),
        (["network.keep=0.9"], "network.keep = 0.9 is not allowed: 1 under flow=exponential.*take flow=adam"),
        (["network=residual"], "network.kwargs.inputs = 3, but the data have dimension 1: set network.kwargs.inputs=1"),
        (["init.gamma=400"], "init: at width 20 a scale is 0 or infinite in floating point"),
        (["flow.name=adam"], "flow.name = 'adam' is not allowed: 'exponential' with these options; .* flow=adam"),
        (["device=cuda:99"], "device = 'cuda:99': torch finds no CUDA device here"),
        (["-m", "init.gamma=1.0,nan"], "init.gamma = nan is not allowed: a finite number"),
        (["-m", "init.gamma=1.0,x"], "init.gamma=x.*Value 'x' of type 'str' could not be converted to Float"),
        (["-m", "init.gamma=1.0", "data.path=no.npz,my.npz"], "data.path = 'no.npz': no such file"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(here, arguments, message):
    done = condense(here, *arguments, *([] if any("widths" in each for each in arguments) else ["widths=[20]"]))
    assert done.returncode == 1
    assert re.search(message, done.stderr, re.DOTALL), done.stderr
    assert "Traceback" not in done.stderr
    assert not list(here.rglob(records.FILE))


def test_the_wheel_runs_in_an_empty_folder(tmp_path):
    """From the wheel the packaged conf/ is found; nothing of the checkout is on the path."""
    root = Path(__file__).parent.parent
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(root)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    site, empty = tmp_path / "site", tmp_path / "empty"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    packaged, ours = (
        {path.relative_to(folder) for path in folder.rglob("*.yaml")}
        for folder in (site / "condense/conf", root / "conf")
    )
    assert packaged == {path for path in ours if path.parts[0] != "local"}
    empty.mkdir()
    code = "import condense.cli as cli; print(cli.__file__, cli.config_folder())"
    paths = {**os.environ, "PYTHONPATH": str(site)}
    where = subprocess.run(
        [sys.executable, "-c", code], cwd=empty, env=paths, capture_output=True, text=True, check=True
    )
    assert where.stdout.split() == [str(site / "condense" / "cli.py"), str(site / "condense" / "conf")]
    small = ["widths=[20,40]", "seeds=[0,1]", "init.gamma=0.8,1.2", "init.gamma_prime=0.0"]
    sweep = [sys.executable, "-m", "condense", "-m", "experiment=quickstart", *small]
    done = subprocess.run(sweep, cwd=empty, env=paths, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(collected(empty / "multirun" / "quickstart")) == 8
    draw = [sys.executable, "-m", "analysis", "multirun/quickstart"]
    done = subprocess.run(draw, cwd=empty, env=paths, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (empty / "multirun" / "quickstart" / "analysis" / "exponents.csv").exists()


@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local"])
def test_hydras_own_launchers_give_the_same_records_and_files(here, launcher):
    sweep = ("-m", "init.gamma=0.8,1.2", *SMALL)
    for name, chosen in (("ours", "local"), ("theirs", launcher)):
        done = condense(here, *sweep, f"hydra/launcher={chosen}", f"hydra.sweep.dir={name}")
        assert done.returncode == 0, done.stderr
        assert "2 of 2 points complete" in done.stdout
    unlike = ["wall_seconds", "host", "attempt"]
    ours, theirs = (collected(here / name).drop(columns=unlike) for name in ("ours", "theirs"))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-8)
    for file in sorted((here / "ours").glob("*/.hydra/*.yaml")):
        mine, other = (without_place(here / name / file.relative_to(here / "ours")) for name in ("ours", "theirs"))
        assert mine == other


def without_place(path):
    """What a file of .hydra says, but for the launcher and the sweep's folder."""
    content = yaml.safe_load(path.read_text())
    if path.name == "hydra.yaml":
        hydra = content["hydra"]
        for section, key in (("sweep", "dir"), ("overrides", "hydra"), ("runtime", "output_dir"), ("job", "id")):
            del hydra[section][key]
        hydra["runtime"]["choices"] = {k: v for k, v in hydra["runtime"]["choices"].items() if "launcher" not in k}
        del hydra["launcher"]
    return content


def test_the_launcher_works_under_hydras_own_sweeper(here):
    done = condense(here, "-m", "hydra/sweeper=basic", "init.gamma=0.8,1.2", "hydra.sweep.dir=two", *SMALL)
    assert done.returncode == 0, done.stderr
    assert sorted(path.parent.name for path in (here / "two").rglob(records.FILE)) == ["0", "1"]
    assert len(list((here / "two" / ".sweep").glob("0*"))) == 1


@pytest.mark.parametrize("launcher", ["local", "basic"])
def test_a_sweeper_that_numbers_its_points_mixes_no_two_in_a_folder(here, launcher):
    theirs = ("-m", "hydra/sweeper=basic", f"hydra/launcher={launcher}", "widths=[20]", "seeds=[0]", "flow.max_steps=3")
    for gammas in ("0.8,1.2", "0.8,1.2,1.3"):
        done = condense(here, *theirs, f"init.gamma={gammas}", "hydra.sweep.dir=two")
        assert done.returncode == 0, done.stderr
    before = written(here / "two")
    refused = condense(here, *theirs, "init.gamma=0.8,1.1", "hydra.sweep.dir=two")
    assert refused.returncode == 1
    folder = "1" if launcher == "local" else ".*two/1"
    assert re.search(f"gamma=1.1.* would share the folder {folder} with .*hydra.sweep.dir=..", refused.stderr)
    assert "Traceback" not in refused.stderr
    assert written(here / "two") == before


SEEKER = """
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore

class Seeker(BasicSweeper):
    def sweep(self, arguments):
        print("told", [job.return_value for jobs in super().sweep(arguments) for job in jobs])

node = {"_target_": "hydra_plugins.seeker.Seeker", "max_batch_size": None, "params": None}
ConfigStore.instance().store(group="hydra/sweeper", name="seeker", node=node)
"""


@pytest.mark.parametrize("launcher", ["local", "basic"])
def test_a_sweeper_of_others_has_a_folder_of_its_own_and_is_told_the_objective(here, launcher):
    (here / "hydra_plugins" / "seeker").mkdir(parents=True)
    (here / "hydra_plugins" / "seeker" / "__init__.py").write_text(SEEKER)
    theirs = ("hydra/sweeper=seeker", f"hydra/launcher={launcher}", "objective=rd_w")
    done = condense(here, "-m", *theirs, "init.gamma=0.8,1.2", "widths=[20,40]", "seeds=[0]", "flow.max_steps=3")
    assert done.returncode == 0, done.stderr
    [folder] = (here / "multirun").iterdir()
    assert re.fullmatch(r"20\d\d-\d\d-\d\d_\d\d-\d\d-\d\d", folder.name)
    values = [float(records.read(folder / str(number) / records.FILE).rd_w.mean()) for number in (0, 1)]
    assert f"told {values}" in done.stdout


def test_a_run_that_raises_is_told_with_the_file_of_its_traceback(here):
    options = ("network._target_=mynet.Raises", "network.kwargs={above: 30}", "data.path=my.npz", "flow.max_steps=3")
    done = condense(here, *options, "widths=[20,40]", "seeds=[0]")
    assert done.returncode == 1
    [file] = here.rglob("error.txt")
    assert f"{RAISED}\nIts traceback is in {file}\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_text().endswith(f".{RAISED}\n")


def test_a_plan_launches_nothing(here):
    command = [sys.executable, "-m", "sweeps", "plan", sys.executable, "-m", "condense", "init.gamma=0.8,1.2"]
    told = subprocess.run([*command, *SMALL], cwd=here, capture_output=True, text=True, check=True).stdout
    assert "2 points, 0 of them complete already" in told
    assert re.search(r"to compute: 2 points in 1 task, about \d+ s of .*; nothing was launched", told)
    assert not (here / "multirun").exists()


def test_bad_launcher_settings_start_nothing(here):
    for setting, text in (
        ("hydra.launcher.workers=0", "hydra.launcher.workers = 0 is not allowed: an integer, 1 or above, or null"),
        ("hydra.launcher.worker=2", "hydra.launcher.worker = 2: hydra/launcher=local has no such parameter. Did you"),
        ("hydra.launcher.mem_gb=0.01", "hydra.launcher.mem_gb = 0.01 is not enough: gamma=0.8,gamma_prime=0 needs"),
        ("hydra.sweeper.job=condense.job.Jobs", "job = 'condense.job.Jobs' cannot be imported"),
        (
            "+hydra.callbacks.mine._target_=hydra.experimental.callbacks.PickleJobInfoCallback",
            "hydra.callbacks: PickleJobInfoCallback.on_job_start has no effect with hydra/launcher=local",
        ),
        ("hydra.sweep.dir=my.npz/sweep", "hydra.sweep.dir = 'my.npz/sweep' is not allowed: a folder to write to; "),
    ):
        done = condense(here, "-m", "init.gamma=0.8,1.2", setting, *SMALL)
        assert done.returncode == 1
        assert text in done.stderr
        assert not list(here.rglob(records.FILE))


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of its own with room for a part of a sweep."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1300k", "tmpfs", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small disk can be mounted by root alone")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_told_and_damages_nothing(here, small_disk):
    grid = ("-m", "init.gamma=range(0.5,1.5,0.02)", "widths=[20,40]", "seeds=[0,1,2,3]", "hydra.launcher.workers=1")
    done = condense(here, *grid, f"hydra.sweep.dir={small_disk}/sweep")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.search(r"50 points missing: .*the disk is full: free some space, and run", done.stdout)
    kept = collected(small_disk)  # every file can be read
    assert 0 < len(kept) < 400
    assert not [path for path in small_disk.rglob(".*") if path.is_file() and path.name != ".lock"]
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    again = condense(here, *grid, f"hydra.sweep.dir={small_disk}/sweep")
    assert again.returncode == 0, again.stderr
    whole = collected(small_disk).set_index("key")
    assert len(whole) == 400
    pd.testing.assert_frame_equal(whole.loc[kept.key], kept.set_index("key"))
