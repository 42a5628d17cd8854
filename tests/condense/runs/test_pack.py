"""Jobs computed together: what is written when, what a failure and a stop leave, and that packing changes no number."""

import errno
import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from condense import records, schema
from condense.flows.exponential import ExponentialFlow
from condense.job import Job, RunFailedError
from condense.runs import ledger, pack, training
from durable import files
from durable.execution import Execution

NET = """
import torch

visits = {}

class Raises:  # in training: at the check it is visited once at every larger width
    scales = {"w": (0.5, -0.5), "a": (0.5, 0.5)}

    def init(self, generator, m):
        return {"w": torch.randn(m, 1, generator=generator), "a": torch.randn(m, generator=generator)}

    def forward(self, params, x):
        m = len(params["a"])
        visits[m] = visits.get(m, 0) + 1
        if m > 30 and visits[m] > 1:
            raise RuntimeError("out of luck")
        return torch.tanh((x + 1) @ params["w"].T) @ params["a"]
"""


def jobs(*gammas, **changes):
    settings = {"widths": [20, 40], "seeds": [0, 1], **changes}
    return [Job(schema.Config(init=schema.Plane(gamma), **settings)) for gamma in gammas]


def run_together(jobs, folder, **options):
    """Run jobs in folders of their names, and return the costs told."""
    told = []
    folders = [folder / job.name for job in jobs]
    Job.run_together(jobs, folders, [job.wanted for job in jobs], Execution(done=told.append, **options))
    return told


def collected(folder):
    tables = [records.read(path) for path in sorted(folder.rglob(records.FILE))]
    return pd.concat(tables).sort_values("key", ignore_index=True)


def test_together_or_alone_is_the_same_to_rounding(tmp_path):
    places = jobs(0.7, 1.0, 1.3, widths=[60, 150], flow=schema.Exponential(stop=1e-4))
    other = jobs(1.1, widths=[60, 100], network=schema.Network(activation="tanh"), dtype="float32")
    run_together([*places, *other], tmp_path / "together")
    for job in [*places, *other]:
        job.run(tmp_path / "alone" / job.name)
    together, alone = collected(tmp_path / "together"), collected(tmp_path / "alone")
    exact = ["key", "steps", "status", "clusters", "lines", "clusters_initial"]
    pd.testing.assert_frame_equal(together[exact], alone[exact])
    close = ["rd_w", "rd_a", "rd_theta", "rd_w_sup", "mse_initial", "mse_final", "time", "mean_abs_cosine"]
    np.testing.assert_allclose(together[close], alone[close], rtol=1e-8)


def test_only_what_is_missing_is_computed_and_the_attempt_is_noted(tmp_path):
    run_together(jobs(1.0, widths=[20]), tmp_path)
    run_together(jobs(0.8, 1.0), tmp_path, attempt=3)
    table = collected(tmp_path)
    assert len(table) == 8
    assert (table.attempt == np.where((table.gamma == 1.0) & (table.width == 20), 1, 3)).all()


def test_the_costs_told_add_up_to_those_of_the_jobs(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "PATIENCE", 0.0)
    places = jobs(0.8, 1.0)
    told = run_together(places, tmp_path)
    assert len(told) > 1
    assert sum(told) == pytest.approx(sum(job.cost for job in places))
    assert run_together(places, tmp_path) == []


def test_small_runs_are_on_disk_before_a_large_batch_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "PATIENCE", 0.0)
    places, stack, seen = jobs(0.8, 1.0, widths=[40, 20]), training.stack, []

    def look(problem, runs):
        seen.append((runs[0].neurons, sum(len(Job.held(tmp_path / job.name)) for job in places)))
        return stack(problem, runs)

    monkeypatch.setattr(training, "stack", look)
    run_together(places, tmp_path)
    assert seen == [(20, 0), (40, 4)]


def test_a_file_is_written_once_where_all_is_done_in_seconds(tmp_path, monkeypatch):
    merge, written = ledger.merge, []
    monkeypatch.setattr(ledger, "merge", lambda folder, new: written.append(folder) or merge(folder, new))
    run_together(jobs(0.8, 1.0, 1.2), tmp_path)
    assert len(written) == 3


def test_jobs_with_other_columns_keep_them_to_themselves(tmp_path, monkeypatch):
    (tmp_path / "columns_net.py").write_text(NET.replace('"a"', '"v"'))
    monkeypatch.syspath_prepend(tmp_path)
    own = jobs(0.8, widths=[20], network=schema.Network(_target_="columns_net.Raises"))
    run_together([*jobs(1.0, widths=[20]), *own], tmp_path)
    plain, extra = (set(records.read(tmp_path / job.name / records.FILE)) for job in (*jobs(1.0), *own))
    assert extra - plain == {"rd_v", "rd_v_sup"}


def test_a_job_that_raises_does_not_disturb_the_others(tmp_path, monkeypatch):
    (tmp_path / "packnet.py").write_text(NET)
    monkeypatch.syspath_prepend(tmp_path)
    bad = jobs(0.8, widths=[20, 40, 60], network=schema.Network(_target_="packnet.Raises"))
    good = jobs(0.9, 1.0, widths=[20, 60])
    assert sum(run_together([*bad, *good], tmp_path)) == pytest.approx(sum(job.cost for job in (*bad, *good)))
    states = [Counter(state for state, _ in Job.held(tmp_path / job.name).values()) for job in (*bad, *good)]
    assert states == [{"converged": 2, "failed": 4}, {"converged": 4}, {"converged": 4}]
    error = (tmp_path / bad[0].name / "error.txt").read_text()
    assert error.startswith("Traceback")
    assert error.endswith("NetworkError: network Raises: forward at width 40 raised RuntimeError: out of luck\n")
    assert not list(tmp_path.glob("gamma=0.9*/error.txt"))


def stop_after(steps):
    """Return a stop that turns true when asked for the n-th time."""
    asked = iter(range(steps))
    return lambda: next(asked, None) is None


def test_a_stop_keeps_what_has_ended_and_marks_nothing_as_failed(tmp_path):
    places = jobs(0.8, 1.4, seeds=[0])
    run_together(places, tmp_path, stop=stop_after(45))
    first = collected(tmp_path)
    assert 0 < len(first) < 4
    assert set(first.status) == {"converged"}
    assert not list(tmp_path.rglob("error.txt"))
    run_together(places, tmp_path)
    assert len(collected(tmp_path)) == 4


def test_an_interrupt_keeps_what_has_ended(tmp_path):
    def interrupted(steps):
        asked = iter(range(steps))
        return lambda: next(asked, None) is None and (_ for _ in ()).throw(KeyboardInterrupt)

    with pytest.raises(KeyboardInterrupt):
        run_together(jobs(0.8, 1.4, seeds=[0]), tmp_path, stop=interrupted(45))
    assert 0 < len(collected(tmp_path)) < 4


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path):
    [place] = jobs(1.0, widths=[20])
    run_together([place], tmp_path)
    folder = tmp_path / place.name
    files._unfinished(folder / records.FILE).symlink_to("/dev/full")
    with pytest.raises(OSError, match="the disk is full: free some space, and run the same command again") as raised:
        run_together(jobs(1.0), tmp_path)
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(folder / records.FILE)
    assert len(records.read(folder / records.FILE)) in (2, 4)
    assert {path.name for path in folder.iterdir()} == {records.FILE, ".lock"}
    run_together(jobs(1.0), tmp_path)
    assert len(collected(tmp_path)) == 4


def test_a_disk_that_stays_full_leaves_nothing_half_written(tmp_path, monkeypatch):
    [place] = jobs(1.0)
    unlink = type(tmp_path).unlink
    folder = tmp_path / place.name
    folder.mkdir()
    unfinished = files._unfinished(folder / records.FILE)
    unfinished.symlink_to("/dev/full")

    def stays(self, missing_ok=False):
        unlink(self, missing_ok=missing_ok)
        if self == unfinished:
            unfinished.symlink_to("/dev/full")

    monkeypatch.setattr(type(tmp_path), "unlink", stays)
    with pytest.raises(OSError, match="the disk is full"):
        run_together([place], tmp_path)
    monkeypatch.undo()
    unfinished.unlink()
    assert {path.name for path in folder.iterdir()} == {".lock"}


def test_runs_share_the_memory_they_are_given(tmp_path, monkeypatch):
    sizes, stack = [], training.stack
    monkeypatch.setattr(training, "stack", lambda problem, runs: sizes.append(len(runs)) or stack(problem, runs))
    flow = schema.Exponential(max_steps=1)
    places = jobs(0.8, 1.0, widths=[20_000], flow=flow, measure=schema.Measure(observables=["relative_change"]))
    from condense.runs import estimate

    run_together(places, tmp_path, memory_gb=estimate.memory_gb(places[0].problem, 20_000, 3) + 1e-6)
    assert sizes == [2, 2]


PEAK = """if True:
    import sys
    from pathlib import Path
    from condense import schema
    from condense.runs import batches
    from condense.job import Job
    from durable.execution import Execution
    batches.FUSED_BATCH = 2**40
    measure = schema.Measure(observables=["relative_change"])
    flow = schema.Exponential(max_steps=1)
    job = Job(schema.Config(widths=[100_000], seeds=range(32), flow=flow, measure=measure))
    budget = float(sys.argv[2]) or None
    Job.run_together([job], [Path(sys.argv[1])], [job.wanted], Execution(done=print, memory_gb=budget))
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))"""


def peak_gb(folder, budget):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PEAK, str(folder), str(budget)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1]) * 1024 / 1e9


def test_the_memory_that_is_given_is_not_exceeded(tmp_path):
    assert peak_gb(tmp_path / "free", 0) > 0.65
    assert peak_gb(tmp_path / "given", 0.65) < 0.65


def test_a_job_runs_alone_by_the_same_path(tmp_path, monkeypatch):
    [place] = jobs(1.0, widths=[20], seeds=[0])
    assert place.run(tmp_path).key.tolist() == place.wanted
    monkeypatch.setattr(ExponentialFlow, "attempt", lambda self, state: 1 / 0)
    with pytest.raises(RunFailedError, match=r"^ZeroDivisionError: division by zero\nIts traceback is in .*error.txt$"):
        Job({**asdict(place.config), "seeds": [1]}).run(tmp_path)
