"""Sweeps of modules and of three layers on the command line, killed amid trainings: they end as others, to the bit."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from condense import records
from condense.runs.checkpoint import Checkpoint
from sweeps.status.sweep import Sweep

NET = """
from torch import nn


def build(m):
    return nn.Sequential(nn.Linear(64, m), nn.LayerNorm(m), nn.Tanh(), nn.Linear(m, 10))
"""

MODULES = (
    *("-m", "network=module", "network.build=mynet.build", "flow=torch", "flow.optimiser=AdamW"),
    *("flow.loss=cross_entropy", "flow.batch_size=64", "flow.max_steps=1500", "flow.schedule=cosine", "flow.clip=1.0"),
    *("flow.kwargs.lr=0.001,0.01", "init.gamma=0.3,0.6", "data=digits", "data.samples=300", "data.test=0.2"),
    *("widths=[20]", "seeds=[0,1]"),
)

THREE_LAYERS = (
    *("-m", "network=three_layer", "init=three_layer", "init.gamma3=1.5,2.5", "init.gamma2=0.25"),
    *("widths=[200]", "seeds=[0,1]", "flow.rtol=0.01"),
)

SAVED = ("hydra.sweep.dir=sweep", "hydra.launcher.checkpoint_minutes=0.002", "hydra.launcher.workers=1")


def launched(folder, sweep):
    folder.mkdir(exist_ok=True)
    (folder / "mynet.py").write_text(NET)
    command = [sys.executable, "-m", "condense", *sweep, *SAVED]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def saved(folder):
    """Return the steps of the runs in the checkpoints that are there."""
    steps = []
    for path in (folder / "sweep" / ".sweep").rglob("*.npz"):
        try:
            steps += Checkpoint.read(path).load()["steps"].tolist()
        except (OSError, ValueError, KeyError):  # another file, or one that was replaced meanwhile
            continue
    return steps


def logged(folder):
    runs = pd.concat(records.read(path) for path in (folder / "sweep").rglob(records.FILE))
    return runs.drop(columns=["wall_seconds", "attempt"]).sort_values("key", ignore_index=True)


@pytest.mark.parametrize(("sweep", "runs"), [(MODULES, 8), (THREE_LAYERS, 4)], ids=["modules", "three layers"])
def test_a_sweep_that_was_killed_ends_as_one_that_was_not(tmp_path, sweep, runs):
    whole, killed = launched(tmp_path / "whole", sweep), tmp_path / "killed"
    assert whole.wait() == 0, whole.stdout.read()
    first = launched(killed, sweep)
    patience = time.monotonic() + 120
    while not any(saved(killed)):
        assert time.monotonic() < patience
        assert first.poll() is None, first.stdout.read()
        time.sleep(0.05)
    [submission] = Sweep.open(killed / "sweep").submissions
    words = [submission.word(k) for k in range(len(submission.packs))]
    first.send_signal(signal.SIGKILL)
    for word in words:
        if word is not None and word.phase == "running":
            os.kill(word.pid, signal.SIGKILL)
    first.wait()
    assert max(saved(killed)) > 0
    end = launched(killed, sweep)
    assert end.wait() == 0, end.stdout.read()
    pd.testing.assert_frame_equal(logged(killed), logged(tmp_path / "whole"), check_exact=True)
    assert len(logged(killed)) == runs
    assert not saved(killed)
