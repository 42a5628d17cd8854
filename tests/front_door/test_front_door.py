"""The ways in, in processes of their own: scripts and python -m, what hides our packages, interrupts, odd errors."""

import importlib.metadata
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import condense
from condense import records
from front_door.names import SCRIPTS

ROOT = Path(__file__).parents[2]

NET = """
import torch

class Net:
    scales = {"w": (0.5, -0.5), "a": (0.5, 0.5)}

    def init(self, generator, m):
        return {"w": torch.randn(m, 1, generator=generator), "a": torch.randn(m, generator=generator)}

    def forward(self, params, x):
        return torch.tanh(x @ params["w"].T) @ params["a"]
"""

NOT_OURS = 'raise SystemExit("a module of the user\'s ran")\n'

AT_IMPORT = """
import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            {act}

sys.meta_path.insert(0, Finder())
"""
"""Run by every process with its folder on PYTHONPATH: does something when a module is imported."""

INTERRUPT = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"


def script(package):
    """The command of a console script, as pip makes it where the project is installed."""
    name = SCRIPTS[package]
    installed = Path(sys.executable).with_name(name)
    if installed.exists():
        return [str(installed)]
    assert "CI" not in os.environ, f"{installed} is not installed"
    entry = f"import sys; sys.argv[0] = {name!r}; from front_door import scripts; scripts.{package}()"
    return [sys.executable, "-P", "-c", entry]


def module(package):
    return [sys.executable, "-m", package]


def run(folder, *command, **environment):
    listen = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  # ignored in a background shell
    everything = {**os.environ, "COLUMNS": "200", **environment}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=everything, check=False, preexec_fn=listen
    )


@pytest.fixture
def hiding(tmp_path):
    """A user's folder with modules of our packages' names."""
    (tmp_path / "sweeps").mkdir()
    for name in ("analysis.py", "condense.py", "sweeps/__init__.py"):
        (tmp_path / name).write_text(NOT_OURS)
    (tmp_path / "mynet.py").write_text(NET)
    return tmp_path


def test_every_script_is_an_entry_point():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {name: f"front_door.scripts:{package}" for package, name in SCRIPTS.items()}
    for name, value in scripts.items():
        assert callable(importlib.metadata.EntryPoint(name, value, "console_scripts").load())


def test_scripts_find_a_users_network_and_nothing_there_hides_our_packages(hiding):
    small = ("widths=[20]", "seeds=[0]", "flow.max_steps=3", "hydra.sweep.dir=out")
    done = run(hiding, *script("condense"), "-m", "network._target_=mynet.Net", "init.gamma=0.8,1.2", *small)
    assert done.returncode == 0, done.stderr
    assert "next: condense-analysis out" in done.stdout
    runs = condense.load(hiding / "out")
    assert list(runs.job) == ["gamma=0.8,gamma_prime=0", "gamma=1.2,gamma_prime=0"]
    assert set(runs.network) == {"mynet.Net"}
    told = run(hiding, *script("sweeps"), "status", "out")
    assert (told.returncode, "done" in told.stdout) == (0, True)
    refused = run(hiding, *script("analysis"), "nowhere")
    assert (refused.returncode, refused.stderr.startswith("condense-analysis: nowhere: no such folder")) == (2, True)


@pytest.mark.parametrize(
    ("package", "file"),
    [
        ("condense", "analysis.py"),
        ("condense", "analysis/__init__.py"),
        ("condense", "sweeps/__init__.py"),
        ("sweeps", "condense.py"),
        ("analysis", "condense/__init__.py"),
    ],
)
def test_what_hides_our_packages_is_named_with_the_script_to_use(tmp_path, package, file):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(NOT_OURS)
    done = run(tmp_path, *module(package), "--version")
    assert done.returncode == 1
    hidden = Path(file).parts[0].removesuffix(".py")
    assert done.stderr == (
        f"{tmp_path / file} hides {hidden}, a package of condense itself. Start with the script instead, "
        f"{SCRIPTS[package]} .., which looks in the working directory last; or rename it\n"
    )
    by_script = run(tmp_path, *script(package), "--version")
    assert by_script.stdout == f"condense {condense.__version__}\n", by_script.stderr


def test_what_pythonpath_hides_is_named_too(tmp_path):
    (tmp_path / "analysis.py").write_text(NOT_OURS)
    for command in (script("sweeps"), [sys.executable, "-P", "-m", "sweeps"]):
        done = run(ROOT, *command, "--version", PYTHONPATH=str(tmp_path))
        assert done.returncode == 1
        assert f"{tmp_path}/analysis.py hides analysis, a package of condense itself. Rename it, or take" in done.stderr


@pytest.mark.parametrize("folder", ["analysis", "condense"])
def test_folders_without_code_hide_nothing(tmp_path, folder):
    (tmp_path / folder).mkdir()
    done = run(tmp_path, *module("condense"), "--version")
    assert (done.returncode, done.stdout) == (0, f"condense {condense.__version__}\n")


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("condense", "condense.cli"),
        ("condense", "hydra"),
        ("condense", "condense.job"),
        ("sweeps", "sweeps.status.sweep"),
        ("analysis", "analysis.cli"),
    ],
)
def test_an_interrupt_while_all_is_being_imported_ends_it_without_a_word(tmp_path, package, name):
    (tmp_path / "sitecustomize.py").write_text(AT_IMPORT.format(name=name, act=INTERRUPT))
    done = run(tmp_path, *module(package), "--help", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr, done.stdout) == (130, "", "")


@pytest.mark.parametrize(
    ("package", "name", "arguments"),
    [
        ("condense", "sweeps.boundary.sweeper", []),
        ("condense", "condense.runs.pack", ["widths=[20]", "seeds=[0]"]),
        ("analysis", "analysis.pipeline", ["nowhere"]),
    ],
)
def test_an_interrupt_later_on_prints_no_traceback(tmp_path, package, name, arguments):
    (tmp_path / "sitecustomize.py").write_text(AT_IMPORT.format(name=name, act=INTERRUPT))
    done = run(tmp_path, *module(package), *arguments, PYTHONPATH=str(tmp_path))
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("package", "name", "arguments"),
    [
        ("condense", "condense.suggest", []),
        ("condense", "condense.runs.pack", ["widths=[20]", "seeds=[0]"]),
        ("sweeps", "sweeps.status.sweep", ["status", "nowhere"]),
        ("analysis", "analysis.pipeline", ["nowhere"]),
    ],
)
def test_an_error_that_nobody_expected_is_a_line_and_leaves_its_traceback_in_a_file(tmp_path, package, name, arguments):
    (tmp_path / "sitecustomize.py").write_text(AT_IMPORT.format(name=name, act="raise TypeError('out of luck')"))
    places = {"PYTHONPATH": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = run(tmp_path, *module(package), *arguments, **places)
    assert done.returncode == 1
    [file] = tmp_path.glob(f"{package}-error-*.txt")
    assert done.stderr.endswith(
        f"python -m {package}: TypeError: out of luck\n"
        f"No message was made for this. Its traceback is in {file}; HYDRA_FULL_ERROR=1 prints it\n"
    )
    assert file.read_text().startswith("Traceback")
    assert "Traceback" not in done.stderr
    full = run(tmp_path, *module(package), *arguments, **places, HYDRA_FULL_ERROR="1")
    assert full.returncode == 1
    assert "Traceback" in full.stderr


def test_an_error_of_the_system_names_its_file_and_needs_no_room_for_the_traceback(tmp_path):
    long = "x" * 300
    done = run(tmp_path, *module("sweeps"), "status", long)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"python -m sweeps: {long}/.sweep/orders.json: File name too long\nIts traceback is in "
    )
    act = "import tempfile; tempfile.tempdir = '/proc'; raise TypeError('out of luck')"
    (tmp_path / "sitecustomize.py").write_text(AT_IMPORT.format(name="sweeps.status.sweep", act=act))
    done = run(tmp_path, *module("sweeps"), "status", long, PYTHONPATH=str(tmp_path))
    assert "python -m sweeps: TypeError: out of luck\nNo message was made for this. " in done.stderr
    assert done.stderr.endswith("HYDRA_FULL_ERROR=1 prints it\n")
    assert "Traceback" not in done.stderr


def test_output_that_nobody_reads_any_more_ends_it_without_a_word():
    reading, writing = os.pipe()
    os.close(reading)
    command = [*module("condense"), "--version"]
    with os.fdopen(writing, "w") as nobody:
        done = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_load_gives_every_run_once_with_the_folder_of_its_job(tmp_path):
    small = {"gamma_prime": [0.0, 0.2], "widths": [10, 20], "seeds": [0], "flow": condense.schema.Descent(max_steps=2)}
    made = condense.simulate(folder=tmp_path, **small)
    columns = ["key", "gamma_prime", "width"]
    pd.testing.assert_frame_equal(condense.load(tmp_path)[columns], made[columns])
    job = tmp_path / "gamma=1,gamma_prime=0.2"
    assert list(condense.load(str(tmp_path)).job) == ["gamma=1,gamma_prime=0"] * 2 + [job.name] * 2
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / records.FILE).write_bytes((job / records.FILE).read_bytes())
    (job / records.FILE).write_bytes(b"half")
    with pytest.warns(UserWarning, match="gamma_prime=0.2/runs.parquet: not a readable records file"):
        runs = condense.load(tmp_path)
    assert (set(runs.key), set(runs.job)) == (set(made.key), {"again", "gamma=1,gamma_prime=0"})


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere", "no such folder"), ("file", "not a folder"), ("empty", "not a sweep folder"), ("x" * 300, "no such")],
)
def test_load_of_a_folder_without_records_is_refused(tmp_path, name, message):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(records.RecordsError, match=f"{name}: {message}"):
        condense.load(tmp_path / name)
