"""hydra/sweeper=boundary on the command line of condense, to its figure; killed and started again; other columns."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from condense import records
from durable.files import read_json
from sweeps.status.sweep import Sweep

FAST = ("widths=[60,3000]", "seeds=[0,1,2]", "measure.observables=[relative_change]", "init.gamma=interval(0.6,1.5)")
WHERE = ("experiment=luo2021_fig4", "hydra/sweeper=boundary", "hydra.sweep.dir=line")
FIG4 = ("-m", *WHERE, *FAST, "hydra.sweeper.precision=0.08")


def condense(folder, *arguments):
    command = [sys.executable, "-m", "condense", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def analysed(folder):
    command = [sys.executable, "-m", "analysis", "line"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, pd.read_csv(folder / "line" / "analysis" / "boundary.csv")


def asked(folder):
    state = read_json(folder / "line" / ".sweep" / "boundary.json")
    return {(x, y): repeats for x, y, repeats in state["asked"]} if state else {}


def at_work(folder):
    """The processes of the workers that have not ended."""
    submissions = Sweep.open(folder / "line").submissions
    words = [each.word(k) for each in submissions for k in range(len(each.packs))]
    return [word.pid for word in words if word is not None and word.phase == "running"]


def test_fig4_by_the_boundary_sweeper_is_killed_goes_on_and_draws_the_same_line(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    done = condense(whole, *FIG4)
    assert done.returncode == 0, done.stderr
    assert "known to hydra.sweeper.precision = 0.08 everywhere" in done.stdout
    points = asked(whole)
    for there in (0, 25, 30):
        launched = subprocess.Popen(
            [sys.executable, "-m", "condense", *FIG4], cwd=killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 120
        while len(asked(killed)) <= there or (there == 25 and not at_work(killed)):
            assert time.monotonic() < end
            time.sleep(0.05)
        launched.send_signal(signal.SIGKILL)
        assert launched.wait() == -signal.SIGKILL
        for pid in at_work(killed) if there == 25 else ():
            os.kill(pid, signal.SIGKILL)
    done = condense(killed, *FIG4)
    assert done.returncode == 0, done.stderr
    assert asked(killed) == points
    said, line = analysed(whole)
    _, again = analysed(killed)
    pd.testing.assert_frame_equal(again, line, rtol=1e-6)
    assert len(line) == 41
    assert "Boundary: zero of S_w along gamma, 90% intervals" in said
    half = (line["gamma_local_high"] - line["gamma_local_low"]) / 2
    assert half.max() < 0.1
    assert (abs(line["gamma_local"] - line["gamma_theory"]) < 0.1 + half).all()
    assert (whole / "line" / "analysis" / "phase_diagram.png").stat().st_size > 10_000
    more = condense(whole, *FIG4, "hydra.sweeper.points=80", "hydra.sweeper.precision=0.06")
    assert more.returncode == 0, more.stderr
    assert set(points) <= set(asked(whole))


@pytest.mark.parametrize("column", ["S_a", "rd_w"])
def test_other_columns_have_lines_of_their_own(tmp_path, column):
    level = {"S_a": 0.0, "rd_w": 0.5}[column]
    chosen = (f"hydra.sweeper.column={column}", f"hydra.sweeper.level={level}", "hydra.sweeper.start=[4,4]")
    done = condense(tmp_path, *FIG4, *chosen, "hydra.sweeper.precision=0.2", "hydra.launcher.workers=1")
    assert done.returncode == 0, done.stderr
    places = np.array(list(asked(tmp_path))[16:])
    runs = pd.concat(records.read(path) for path in tmp_path.rglob(records.FILE))
    if column == "S_a":
        assert abs(places[:, 0] - 1 - np.maximum(-places[:, 1], 0)).mean() < 0.2
    else:
        changes = runs[runs["width"] == 3000].groupby(["gamma", "gamma_prime"])["rd_w"].mean()
        assert abs(np.log(changes.loc[list(map(tuple, places))] / 0.5)).mean() < abs(np.log(changes / 0.5)).mean()
    assert f"the line {column} = {level:g} is known to" in done.stdout


def test_an_unknown_column_and_a_detached_launcher_start_nothing(tmp_path):
    done = condense(tmp_path, *FIG4, "hydra.sweeper.column=cluster")
    assert done.returncode == 1
    assert re.search(r"column = 'cluster' is not allowed: S_w, S_a, S_theta, or a number logged.*clusters", done.stderr)
    done = condense(tmp_path, *FIG4, "hydra/launcher=slurm", "hydra.launcher.detach=true")
    assert done.returncode == 1
    assert "hydra.launcher.detach = True is not allowed with hydra/sweeper=boundary" in done.stderr
    assert not list(tmp_path.iterdir())
