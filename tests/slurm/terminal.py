"""A user's terminal on the login node: a folder of their own, and the real commands, which talk to a real Slurm."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from cluster import PATH, Cluster, wait_until

from condense import records
from sweeps.folder.submission import Submission, Word, submissions

__all__ = ["NARROW", "PATIENCE", "STEPS", "WIDE", "WRONG", "Terminal", "equal", "gates", "runs"]

PATIENCE = 240.0
"""Seconds until a test gives up on something; on an idle machine it takes a few."""

STEPS = 1000
"""Of every run of `gates`: they do not get below their stop."""

NARROW, WIDE, WRONG = 20, 60, 90
"""Widths: done at once, held up by `Terminal.close`, raising as long as there is a file "broken", from the second visit
on: the first is the check's."""

MODULE = f"""
import os
import time
from pathlib import Path

import torch


wrong = []


def visit(m):
    if m == {WRONG} and Path("broken").exists():
        wrong.append(m)
    if len(wrong) > 1:
        raise RuntimeError("out of luck")
    if m == {WIDE}:
        with open("calls", "a") as calls:
            calls.write(f"{{os.getpid()}}\\n")
        end = time.monotonic() + 0.2
        while Path("closed").exists() and time.monotonic() < end:
            time.sleep(0.02)


def gate(z):
    visit(z.shape[-1])
    return torch.tanh(z)


class Net:
    scales = {{"w": (0.5, -0.5), "a": (0.5, 0.5)}}

    def init(self, generator, m):
        return {{"w": torch.randn(m, 2, generator=generator), "a": torch.randn(m, generator=generator)}}

    def forward(self, params, x):
        visit(len(params["a"]))
        return torch.tanh(x @ params["w"].T) @ params["a"]


class Hungry(Net):
    def forward(self, params, x):
        m = len(params["a"])
        if m == {WRONG}:
            wrong.append(m)
        copies = 1 if m < {WIDE} else 20000 if m == {WIDE} else 10**9 if len(wrong) > 1 else 1
        h = torch.tanh(x @ params["w"].T)
        return (h[:, :, None] * torch.full((copies,), 1 / copies)).sum(dim=2) @ params["a"]
"""


def gates(points: int, *options: str) -> list[str]:
    """Return a sweep over so many points, a narrow network and a wide one each, which `Terminal.close` holds up."""
    gammas = ",".join(f"{0.5 + 0.1 * k:.1f}" for k in range(points))
    flow = ("flow=adam", f"flow.max_steps={STEPS}", "flow.rate=1e-4")
    sizes = (f"widths=[{NARROW},{WIDE}]", "seeds=[0]")
    return [f"init.gamma={gammas}", "init.gamma_prime=0.0", "network.activation=mynet.gate", *sizes, *flow, *options]


def runs(folder: Path) -> pd.DataFrame:
    """Return the records of a sweep by key, each read from its file as it is now."""
    found = []
    for path in sorted(folder.glob(f"*/{records.FILE}")):
        with contextlib.suppress(records.RecordsError):
            found.append(records.read(path))
    return pd.concat(found or [records.empty()]).set_index("key").sort_index()


CIRCUMSTANCES = ["wall_seconds", "host", "attempt", "commit", "dirty"]
"""The columns that may differ between two computations of a run; a commit may be made while the tests run."""


def equal(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Assert that runs have the same results, wherever and however often they were tried."""
    columns = found.columns.difference(CIRCUMSTANCES)
    pd.testing.assert_frame_equal(found[columns], expected[columns], check_exact=False, rtol=1e-8, atol=0)


class Command(NamedTuple):
    """A command that was started, and the files of what it says."""

    process: subprocess.Popen[bytes]
    output: Path
    errors: Path

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self.output.read_text() + self.errors.read_text()


class Terminal:
    """A shell in a folder; what is started there is ended with it."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.path = PATH
        self._started: list[subprocess.Popen[bytes]] = []
        folder.mkdir()
        (folder / "mynet.py").write_text(MODULE)
        x = np.random.default_rng(0).standard_normal((5, 2))
        np.savez(folder / "my.npz", x=x, y=np.sin(x[:, 0]))

    def start(self, module: str, *arguments: str | Path) -> Command:
        """Start `python -m condense ...` or `python -m sweeps ...`."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
        ours = {"PATH": self.path, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
        output, errors = (self.folder.parent / f"{len(self._started)}.{suffix}" for suffix in ("out", "err"))
        with output.open("w") as out, errors.open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, arguments)],
                cwd=self.folder,
                env={**clean, **self.cluster.environment, **ours},
                stdout=out,
                stderr=err,
            )
        self._started.append(process)
        return Command(process, output, errors)

    def end(self, command: Command, status: int = 0) -> str:
        """Wait for a command to end with an exit status, and return what it said."""
        try:
            ended = command.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{command.said}\n{self.cluster.queue()} {self.words()}") from None
        assert ended == status, command.said
        return command.said

    def run(self, module: str, *arguments: str | Path, status: int = 0) -> str:
        """Run a command to an exit status, and return what it said."""
        return self.end(self.start(module, *arguments), status)

    def launch(self, *options: str, per_task: int = 2, **parameters: object) -> Command:
        """Start a sweep on Slurm, in the folder `sweep` if the options name no other."""
        launcher = {"points_per_task": per_task, "checkpoint_minutes": 0.005, **parameters}
        given = [f"hydra.launcher.{name}={value}" for name, value in launcher.items()]
        return self.start("condense", "-m", "hydra.sweep.dir=sweep", *options, "hydra/launcher=slurm", *given)

    def status(self, sweep: str = "sweep", status: int = 0) -> dict[str, Any]:
        """Return what `status --json` says."""
        command = self.start("sweeps", "status", sweep, "--json")
        self.end(command, status)
        return json.loads(command.output.read_text())

    def points(self, sweep: str = "sweep", status: int = 0) -> dict[str, int]:
        """Return how many points are in each state that any point is in."""
        return {state: count for state, count in self.status(sweep, status)["points"].items() if count}

    def close(self) -> None:
        """Hold up wide networks."""
        (self.folder / "closed").touch()

    def open(self) -> None:
        """Let them go on."""
        (self.folder / "closed").unlink(missing_ok=True)

    def submissions(self, sweep: str = "sweep") -> list[Submission]:
        """Return what was submitted."""
        return submissions(self.folder / sweep)

    def words(self, sweep: str = "sweep") -> list[Word | None]:
        """Return the last words on all packs."""
        return [each.word(k) for each in self.submissions(sweep) for k in range(len(each.packs))]

    def runs(self, sweep: str = "sweep") -> pd.DataFrame:
        """Return the records of a sweep."""
        return runs(self.folder / sweep)

    def midway(self, sweep: str = "sweep", steps: int = 5) -> pd.DataFrame:
        """Wait until narrow networks are on disk and wide ones saved after some steps; return what is on disk."""

        def is_midway() -> bool:
            points = len({name for each in self.submissions(sweep) for pack in each.packs for name in pack})
            on_disk, saved = self.runs(sweep), self.saved(sweep)
            return 0 < points == (on_disk.width == NARROW).sum() == sum(each >= steps for each in saved.values())

        self.until(is_midway, "the middle")
        return self.runs(sweep)

    def saved(self, sweep: str = "sweep") -> dict[str, int]:
        """Return the steps that runs in checkpoints have behind them."""
        steps: dict[str, int] = {}
        for path in (self.folder / sweep / ".sweep" / "checkpoints").glob("*.npz"):
            with contextlib.suppress(FileNotFoundError), np.load(path) as archive:
                steps |= dict(zip(archive["keys"].tolist(), archive["steps"].tolist(), strict=True))
        return steps

    def calls(self) -> Counter[int]:
        """Return how often processes, by pid, evaluated wide networks: each time the activation of both copies."""
        called = Counter(map(int, (self.folder / "calls").read_text().split()))
        return Counter({pid: count // 2 for pid, count in called.items()})

    def tool(self, name: str, script: str) -> None:
        """Put a script in place of a program, which is "$real" to it."""
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\nreal={shutil.which(name, path=PATH)}\n{script}\n")
        path.chmod(0o755)
        self.path = os.pathsep.join([str(path.parent), PATH])

    def only(self, *tools: str) -> None:
        """Leave no other programs than these."""
        folder = self.folder / "few"
        folder.mkdir()
        for name in tools:
            (folder / name).symlink_to(str(shutil.which(name, path=PATH)))
        self.path = str(folder)

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until a condition holds."""
        return wait_until(condition, PATIENCE, what, every=0.1)

    def leave(self) -> None:
        """End everything that was started here."""
        for command in self._started:
            command.kill()
            command.wait()
        self.open()
        self.cluster.empty()
