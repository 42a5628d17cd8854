import io
import time
from dataclasses import dataclass

import counting
import pytest
from rich.console import Console

from sweeps.backends import Local
from sweeps.folder.spec import JobSpec
from sweeps.launch import Launch
from sweeps.status.sweep import Sweep

HYDRA = {
    "sweep": {"dir": "s", "subdir": ""},
    "overrides": {"hydra": [], "task": []},
    "job": {"env_set": {}},
    "runtime": {},
    "output_subdir": ".hydra",
}


@dataclass
class Counting:
    """A sweep of the app `counting` in a folder with a space and a quote in its name."""

    sweep: Sweep
    out: io.StringIO

    def spec(self, *configs):
        specs = [
            JobSpec.of(job, name=job.name, overrides=(f"x={config['x']}",), config=config, number=number)
            for number, config in enumerate(configs)
            for job in [counting.Job(config)]
        ]
        self.sweep.specs = specs or self.sweep.specs
        with self.sweep.locked():
            self.sweep.keep()

    def launch(self, fail_fast=False, **parameters):
        return Launch(self.sweep, Local(job="counting.Job", **parameters), HYDRA, fail_fast=fail_fast)

    def submit(self, *configs, **parameters):
        self.spec(*configs)
        launch = self.launch(**parameters)
        with self.sweep.locked():
            return launch.submit()

    def run(self, *configs, **parameters):
        self.spec(*configs)
        launch = self.launch(**parameters)
        with self.sweep.locked():
            launch.submit()
        launch.attend(Console(file=self.out, width=100))

    def states(self):
        return {each.name: each.state for each in self.sweep.look()}

    def tries(self, x):
        path = self.sweep.folder / f"x={x}" / "tries"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def until(self, condition, seconds=20.0):
        """Wait until a condition holds, and return its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} s; {self.states()}")


@pytest.fixture
def squares(tmp_path):
    made = Counting(Sweep(tmp_path / "a user's sweep", "counting.Job", ["python", "-m", "counting"]), io.StringIO())
    yield made
    Local.cancel(made.sweep.submissions)
    made.until(lambda: not made.sweep.live())
