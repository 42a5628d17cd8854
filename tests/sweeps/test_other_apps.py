"""Any Hydra app: its task function is called for one job after another, in the workers of the launcher."""

import subprocess
import sys

import pytest

from sweeps.alone import TaskCall, value_of

APP = """
import hydra
import helper

@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(config):
    return helper.half(config.x, config.number)

if __name__ == "__main__":
    main()
"""

HELPER = """
from dataclasses import dataclass
from hydra.core.config_store import ConfigStore

@dataclass
class Config:
    x: int = 1
    number: str = "${hydra:job.num}"

ConfigStore.instance().store("config", Config)

def half(x, number):
    if x == 3:
        raise RuntimeError("no three")
    print("number", number)
    return x / 2
"""


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "a user's app"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    (folder / "helper.py").write_text(HELPER)

    def run(*arguments):
        command = [sys.executable, "app.py", "-m", "hydra/launcher=sweeps_local", "hydra.sweep.dir=out", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    return run, folder / "out"


def test_values_come_back_and_only_what_is_missing_is_called_again(app):
    run, out = app
    done = run("x=1,2", "hydra.launcher.workers=2")
    assert done.returncode == 0, done.stderr
    assert [value_of(out / name) for name in ("0", "1")] == [0.5, 1.0]
    assert (out / "0" / ".hydra" / "overrides.yaml").read_text() == "- x=1\n"
    assert "number 1" in "".join(path.read_text() for path in out.glob(".sweep/001/*.log"))
    before = (out / "0" / "returned.json").stat().st_mtime_ns
    failed = run("x=1,3,2")
    assert failed.returncode == 1
    assert "1 is failed: RuntimeError: no three" in failed.stderr
    assert (out / "0" / "returned.json").stat().st_mtime_ns == before
    assert value_of(out / "2") == 1.0
    assert TaskCall.held(out / "1") != TaskCall.held(out / "2")


def test_a_detached_sweep_returns_before_its_values(app):
    run, out = app
    done = run("x=1,2", "hydra.launcher.detach=true")
    assert done.returncode == 0, done.stderr
    assert "2 points handed out in 1 tasks" in done.stdout
    waited = subprocess.run([sys.executable, "-m", "sweeps", "wait", str(out)], capture_output=True, text=True)
    assert waited.returncode == 0, waited.stdout
    assert "2 of 2 points complete" in waited.stdout
    assert "2 runs: 2 done" in waited.stdout
