"""An app for the tests of the boundary sweeper: its jobs measure a surface, once for each number in `repeats`."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import hydra
import numpy as np
import pandas as pd
from hydra.core.config_store import ConfigStore
from hydra.errors import CompactHydraException

FILE = "measured.json"


@dataclass
class Config:
    x: float = 0.0
    y: float = 0.0
    colour: str = "red"
    how: str = ""
    repeats: list[int] = field(default_factory=lambda: [5, 6])
    deep: dict[str, list[str]] = field(default_factory=lambda: {"words": ["a"]})


SWEEPER = {
    "_target_": "hydra_plugins.condense_sweeps.BoundarySweeper",
    "job": "lines.Job",
    "observe": "lines.observe",
    "column": "height",
    "coordinates": ["x", "y"],
    "level": 0.0,
    "start": [5, 5],
    "start_from": None,
    "round": None,
    "precision": 0.04,
    "points": 100,
    "repeats": 32,
    "minutes": None,
    "repeated": "repeats",
    "plan": False,
}
GRID = {"_target_": "hydra_plugins.condense_sweeps.GridSweeper", "job": "lines.Job"}


def height(x: float, y: float) -> float:
    """Zero at x = 1 + y^2."""
    return float(np.tanh(x - 1 - y * y))


def noise(key: str) -> float:
    """That of a repeat, the same everywhere."""
    return 0.08 * float(np.random.default_rng(int(key.rpartition(":")[2])).standard_normal())


class Job:
    named_by = ("x", "y")
    follows = {}
    cost = 0.1
    memory_gb = 0.1

    def __init__(self, config):
        self.config = config
        self.name = f"x={config['x']},y={config['y']}"
        self.settings = {"colour": config["colour"]}
        self.sources = {}
        self.wanted = [f"{self.name}:{repeat}" for repeat in config["repeats"]]

    @staticmethod
    def accepting(sources):
        return ""

    @staticmethod
    def held(folder: Path):
        path = folder / FILE
        return dict.fromkeys(json.loads(path.read_text()), ("done", "v1")) if path.exists() else {}

    @classmethod
    def run_together(cls, jobs, folders, wanted, execution):
        for job, folder in zip(jobs, folders, strict=True):
            x, y, how = (job.config[key] for key in ("x", "y", "how"))
            if how == "raises" and x > 1.5:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "error.txt").write_text("Traceback ...\nRuntimeError: out of luck\n")
                continue
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "unfinished").write_text(json.dumps({key: height(x, y) + noise(key) for key in job.wanted}))
            (folder / "unfinished").replace(folder / FILE)
            execution.done(job.cost)
            if how == "killed":
                die(len(list(folder.parent.glob(f"*/{FILE}"))))


def die(there: int) -> None:
    """Kill the sweeper, once for each of these numbers of points; sometimes this worker too."""
    for number in (3, 9, 26, 29, 35):
        if there >= number and not Path(f"killed_{number}").exists():
            Path(f"killed_{number}").touch()
            os.kill(int(Path("leader").read_text()), signal.SIGKILL)
            if number in (9, 29):
                os.kill(os.getpid(), signal.SIGKILL)


def observe(folder: Path, column: str):
    if column not in ("height", "nothing"):
        raise ValueError(f"column = {column!r} is not allowed: height")
    rows = []
    for path in sorted(folder.glob(f"*/{FILE}")):
        x, y = (float(part.partition("=")[2]) for part in path.parent.name.split(","))
        values = np.array(list(json.loads(path.read_text()).values()))
        half = 1.7 * values.std(ddof=1) / len(values) ** 0.5
        value = np.nan if column == "nothing" else values.mean()
        rows.append((x, y, value, value - half, value + half, len(values)))
    return pd.DataFrame(rows, columns=["x", "y", "value", "low", "high", "repeats"])


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(config):
    """Never called: the jobs are those of `Job`."""


if __name__ == "__main__":
    # not at import: tests import this beside other apps, whose configs are in the same store
    ConfigStore.instance().store("config", Config)
    ConfigStore.instance().store("line", SWEEPER, "hydra/sweeper")
    ConfigStore.instance().store("grid", GRID, "hydra/sweeper")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        main()
    except CompactHydraException as error:
        sys.exit(f"{type(error).__name__}: {error}")
