"""The sweeper that refines a line, by the command line of an app of its own, with real workers."""

import json
import os
import re
import shutil
import subprocess
import sys

import lines
import numpy as np
import pytest

from durable.files import read_json
from sweeps.folder.submission import STATE_FOLDER, submissions

RANGES = ("x=interval(0.5,2.0)", "y=interval(-0.5,0.5)")


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "a user's folder"
    folder.mkdir()
    shutil.copy(lines.__file__, folder)

    def run(*arguments, sweeper="line", **options):
        own = ("hydra/launcher=sweeps_local", "hydra.launcher.job=lines.Job", "hydra.sweep.dir=out")
        command = [sys.executable, "lines.py", "-m", f"hydra/sweeper={sweeper}", *own, *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **options)

    return run, folder / "out"


def asked(out):
    return {(x, y): repeats for x, y, repeats in read_json(out / STATE_FOLDER / "boundary.json")["asked"]}


def held(out):
    return {path.parent.name: set(json.loads(path.read_text())) for path in out.glob(f"*/{lines.FILE}")}


def test_a_line_is_found_in_rounds_and_the_same_command_again_has_nothing_to_do(app):
    run, out = app
    done = run(*RANGES)
    assert done.returncode == 0, done.stderr
    assert "known to hydra.sweeper.precision = 0.04 everywhere" in done.stdout
    points = asked(out)
    assert next(iter(points)) == (0.5, -0.5)
    assert 25 < len(points) < 70
    added = np.array(list(points)[25:])
    assert np.median(abs(added[:, 0] - 1 - added[:, 1] ** 2)) < 0.1
    assert max(points.values()) > 6
    assert {name: len(keys) for name, keys in held(out).items()} == {f"x={x},y={y}": n for (x, y), n in points.items()}
    rounds = re.findall(r"(\d+) points, (\d+) repeats: the line height = 0 is known to (\S+) where", done.stdout)
    assert len(rounds) == len(submissions(out))
    assert (int(rounds[-1][0]), int(rounds[-1][1])) == (len(points), sum(points.values()))
    assert float(rounds[-1][2]) <= 0.04 < float(rounds[0][2])
    assert f"{len(points)} of {len(points)} points complete" in done.stdout
    again = run(*RANGES)
    assert again.returncode == 0
    assert asked(out) == points
    assert len(submissions(out)) == len(rounds)
    better = run(*RANGES, "hydra.sweeper.precision=0.03")
    assert better.returncode == 0
    assert set(asked(out)) >= set(points)
    assert sum(asked(out).values()) > sum(points.values())


def test_a_sweep_that_is_killed_again_and_again_ends_with_the_same_points(app):
    run, out = app
    whole = run(*RANGES)
    assert whole.returncode == 0, whole.stderr
    points, results = asked(out), held(out)
    shutil.rmtree(out)
    leader = out.parent / "leader"
    ends = [None]
    while ends[-1] != 0:
        ends.append(run(*RANGES, "how=killed", preexec_fn=lambda: leader.write_text(str(os.getpid()))).returncode)
        assert ends[-1] in (0, -9)
    assert len(ends) > 3
    assert {path.name for path in out.parent.rglob("killed_*")} >= {"killed_9", "killed_29"}  # with a worker each
    assert asked(out) == points
    assert held(out) == results


def test_budgets_end_it(app):
    run, out = app
    done = run(*RANGES, "hydra.sweeper.points=30", "hydra.sweeper.round=3", "hydra.sweeper.precision=0.001")
    assert done.returncode == 0, done.stderr
    assert len(asked(out)) == 30
    assert "hydra.sweeper.points = 30 are spent; more go on from here" in done.stdout
    assert max(asked(out).values()) <= 32
    done = run(*RANGES, "hydra.sweeper.precision=null", "hydra.sweeper.minutes=1e-6", "hydra.sweep.dir=short")
    assert done.returncode == 0, done.stderr
    assert "hydra.sweeper.minutes = 1e-06 are over; the same command again goes on" in done.stdout
    assert len(asked(out.parent / "short")) == 25
    done = run(*RANGES, "hydra.sweeper.repeats=2", "hydra.sweep.dir=few")
    assert "hydra.sweeper.repeats = 2 are spent where they are needed" in done.stdout
    assert set(asked(out.parent / "few").values()) == {2}


def test_another_rectangle_in_the_same_folder_has_a_start_of_its_own_and_a_budget_for_what_is_inside(app):
    run, out = app
    assert run(*RANGES, "hydra.sweeper.precision=0.3").returncode == 0
    before = asked(out)
    narrow = ("x=interval(0.9,1.2)", "y=interval(-0.1,0.3)")
    done = run(*narrow, "hydra.sweeper.points=33", "hydra.sweeper.precision=0.001", "hydra.sweeper.repeats=2")
    assert done.returncode == 0, done.stderr
    assert "hydra.sweeper.points = 33 are spent" in done.stdout
    new = asked(out).keys() - before.keys()
    assert {(x, y) for x in (0.9, 1.2) for y in (-0.1, 0.3)} <= new
    assert len({point for point in asked(out) if 0.9 <= point[0] <= 1.2 and -0.1 <= point[1] <= 0.3}) == 33


def test_without_repeats_the_line_has_no_interval_and_says_so(app):
    run, out = app
    done = run(*RANGES, "hydra.sweeper.repeated=null", "repeats=[5]")
    assert done.returncode == 0, done.stderr
    assert "25 points, 25 repeats: the line height = 0 has no interval yet at x=" in done.stdout
    assert re.search(r"no interval at x=\S+ y=\S+: of a point there fewer than two repeats count", done.stdout)
    assert set(asked(out).values()) == {1}


def test_a_grid_that_is_there_is_known_and_may_get_repeats(app):
    run, out = app
    grid = run("x=0.5,0.9,1.1,1.5,2.0", "y=-0.5,-0.2,0.0,0.2,0.5", sweeper="grid")
    assert grid.returncode == 0, grid.stderr
    before = held(out)
    done = run(*RANGES, "hydra.sweeper.start=[2,2]")
    assert done.returncode == 0, done.stderr
    points = asked(out)
    old = {name: len(keys) for name, keys in before.items()}
    again = {(x, y) for x, y in points if f"x={x},y={y}" in old and points[x, y] > 2}
    assert len(again) > 3
    assert all(before[name] < keys for name, keys in held(out).items() if name in {f"x={x},y={y}" for x, y in again})
    assert len(held(out)) < 70


def test_points_of_the_folder_that_lack_results_are_not_known(app):
    """As after a grid of other widths: its points would be on another surface."""
    run, out = app
    assert run("x=0.5,2.0", "y=-0.5,-0.2,0.0,0.2,0.5", "repeats=[7]", sweeper="grid").returncode == 0
    done = run(*RANGES, "hydra.sweeper.start=[3,3]", "hydra.sweeper.minutes=1e-6")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^9 points, 18 repeats: the line height = 0 is known", done.stdout, re.MULTILINE)
    fewer = held(out)
    assert fewer["x=0.5,y=-0.2"] == {"x=0.5,y=-0.2:7"}
    whole = run(*RANGES, "hydra.sweeper.precision=0.3")
    assert whole.returncode == 0, whole.stderr
    assert held(out)["x=0.5,y=-0.2"] == fewer["x=0.5,y=-0.2"]


def test_one_repeat_is_no_interval_so_repeats_come_before_points(app):
    run, out = app
    done = run(
        *RANGES, "repeats=[3]", "hydra.sweeper.round=4", "hydra.sweeper.start=[9,9]", "hydra.sweeper.precision=0.3"
    )
    assert done.returncode == 0, done.stderr
    assert "81 points, 81 repeats: the line height = 0 has no interval yet" in done.stdout
    assert "known to hydra.sweeper.precision = 0.3 everywhere" in done.stdout
    assert set(asked(out).values()) == {1, 8}
    assert len(asked(out)) < 90


def test_a_start_from_another_sweep(app):
    run, out = app
    assert run(*RANGES, "hydra.sweeper.precision=0.3", "hydra.sweep.dir=coarse", "colour=blue").returncode == 0
    done = run(*RANGES, "hydra.sweeper.start_from=coarse", "hydra.sweeper.minutes=1e-6")
    assert done.returncode == 0, done.stderr
    coarse = asked(out.parent / "coarse")
    assert set(asked(out)) < set(coarse)
    assert {(0.5, -0.5), (0.5, 0.5), (2.0, -0.5), (2.0, 0.5)} < set(asked(out))
    assert set(asked(out).values()) == {2}
    refused = run(*RANGES, "hydra.sweeper.start_from=nowhere", "hydra.sweep.dir=other")
    assert refused.returncode == 1
    assert (
        "hydra.sweeper.start_from = 'nowhere' is not allowed: a sweep in whose points height crosses 0"
        in refused.stderr
    )
    assert not (out.parent / "other").exists()
    assert run("x=0.5,0.9,1.5", "y=0.0", "hydra.sweep.dir=row", sweeper="grid").returncode == 0
    refused = run(*RANGES, "hydra.sweeper.start_from=row", "hydra.sweep.dir=other")
    assert "hydra.sweeper.start_from = 'row' is not allowed: a sweep in whose points height crosses 0" in refused.stderr


def test_a_round_with_a_job_that_raises_says_so_and_goes_on_when_it_no_longer_does(app):
    run, _ = app
    done = run(*RANGES, "how=raises")
    assert done.returncode == 1
    assert "NotAllDone: 10 of 25 jobs failed" in done.stderr
    assert "out of luck" in done.stdout
    assert run(*RANGES).returncode == 0


def test_a_plan_launches_nothing(app):
    run, out = app
    done = run(*RANGES, "hydra.sweeper.plan=true", "hydra.launcher.workers=3")
    assert done.returncode == 0, done.stderr
    assert "to compute: 25 points in 3 tasks" in done.stdout
    assert "then rounds of 9 points, 100 points in all at most" in done.stdout
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x=1.0"], "x = 1.0 is not allowed with hydra/sweeper=boundary: a range, x='interval.0.6,1.4.' say"),
        (["x=interval(0,1)"], "y = not given is not allowed with hydra/sweeper=boundary: a range"),
        (["x=a,b", "y=0,1"], "x = a,b is not allowed with hydra/sweeper=boundary"),
        (["x=null,1", "y=0,1"], "x = null,1 is not allowed with hydra/sweeper=boundary"),
        (["x=interval(0,inf)", "y=0,1"], r"x = interval\(0,inf\) is not allowed with hydra/sweeper=boundary"),
        (["colour=red,blue"], "colour takes several values: hydra/sweeper=boundary refines one plane at a time"),
        (["hydra.launcher.detach=true"], "hydra.launcher.detach = True is not allowed .* goes on where it was"),
        (["hydra.sweeper.column=depth"], "column = 'depth' is not allowed: height"),
        (["hydra.sweeper.observe=lines.no"], "hydra.sweeper.observe = 'lines.no' cannot be imported"),
        (["hydra.sweeper.repeated=deep.words"], "hydra.sweeper.repeated = 'deep.words' is not allowed: the key"),
        (["hydra.sweeper.repeated=seeds"], "hydra.sweeper.repeated = 'seeds' is not allowed: the key of a list"),
        (["hydra.sweeper.start=[1,5]"], r"hydra.sweeper.start = \[1, 5\] is not allowed: how many points"),
        (["hydra.sweeper.start=5"], "hydra.sweeper.start = 5 is not allowed: how many points"),
        (["hydra.sweeper.column=null"], "hydra.sweeper.column = None is not allowed: the name of what is observed"),
        (["hydra.sweeper.level=null"], "hydra.sweeper.level = None is not allowed: a number"),
        (["hydra.sweeper.points=null"], "hydra.sweeper.points = None is not allowed: 4 or above"),
        (["hydra.sweeper.repeats=2.5"], "hydra.sweeper.repeats = 2.5 is not allowed: an integer, 1 or above"),
        (["hydra.sweeper.precision=fine"], "hydra.sweeper.precision = 'fine' is not allowed: a number above 0"),
        (["hydra.sweeper.precision=0"], "hydra.sweeper.precision = 0 is not allowed: a number above 0, or null"),
        (["hydra.sweeper.points=3"], "hydra.sweeper.points = 3 is not allowed: 4 or above"),
        (["hydra.sweeper.points=24"], "hydra.sweeper.points = 24 is not allowed: the start has 25 alone"),
        (["hydra.sweeper.round=0"], "hydra.sweeper.round = 0 is not allowed: an integer, 1 or above, or null"),
        (["hydra.sweeper.repeats=0"], "hydra.sweeper.repeats = 0 is not allowed: an integer, 1 or above"),
        (["hydra.sweeper.minutes=0"], "hydra.sweeper.minutes = 0 is not allowed: a number above 0, or null"),
        (["hydra.sweeper.coordinates=[x]"], r"hydra.sweeper.coordinates = \['x'\] is not allowed: two different"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_starts(app, arguments, message):
    run, out = app
    ranges = [] if any(line.startswith("x=") for line in arguments) else RANGES
    done = run(*ranges, *arguments)
    assert done.returncode == 1
    assert re.search(message, done.stderr, re.DOTALL), done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["x=interval(1.5,2)", "y=interval(0,0.5)"],
            "height is not below 0 at all 25 points with x in .1.5, 2. and y in",
        ),
        ([*RANGES, "hydra.sweeper.column=nothing"], "nothing has no value at any point with x in .0.5, 2."),
        (
            [*RANGES, "hydra.sweeper.level=3"],
            "height is below 3 at all 25 points .* Widen the ranges; the runs are kept",
        ),
    ],
)
def test_there_may_be_no_line(app, arguments, message):
    run, out = app
    done = run(*arguments)
    assert done.returncode == 1
    assert re.search(message, done.stderr, re.DOTALL), done.stderr
    assert len(held(out)) == 25
