"""Sweeps on Slurm lose nothing: whatever happens, the runs are those of an undisturbed sweep, each made once."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path

import pandas as pd
from terminal import PATIENCE, STEPS, Terminal, equal, gates

WHOLE = ("--nodes=2", "--exclusive")


def whole_and_kept(terminal: Terminal, reference: pd.DataFrame, before: pd.DataFrame, sweep: str = "sweep") -> bool:
    """Tell whether all runs are there as in the reference, those that were there before as they were."""
    found = terminal.runs(sweep)
    pd.testing.assert_frame_equal(found.loc[before.index], before)  # wall_seconds too: not computed again
    equal(found, reference.loc[found.index])
    return sorted(found.gamma) == sorted(reference[reference.gamma.isin(found.gamma)].gamma)


def test_the_login_process_is_killed_within_sbatch_and_the_same_command_goes_on(terminal, reference):
    """Once before Slurm has the tasks, once after; then the same command waits for them."""
    terminal.close()
    terminal.tool("sbatch", "kill -9 $PPID")
    terminal.end(terminal.launch(*gates(4)), status=-signal.SIGKILL)
    assert terminal.points(status=1) == {"missing": 4}
    terminal.tool("sbatch", '"$real" "$@"; kill -9 $PPID')
    terminal.end(terminal.launch(*gates(4)), status=-signal.SIGKILL)
    before = terminal.midway()
    again = terminal.launch(*gates(4))
    started = "4 points, 0 of them complete already, 4 queued or running already"
    terminal.until(lambda: started in again.said, "the same command again")
    terminal.open()
    assert "4 of 4 points complete" in terminal.end(again)
    assert [word and (word.phase, word.attempt) for word in terminal.words()] == [None] * 2 + [("ended", 1)] * 2
    assert whole_and_kept(terminal, reference, before)


def test_one_task_is_cancelled_and_one_makes_way(terminal, reference):
    """The first is missing until resume; the second is queued again and goes on from its checkpoint.

    Slurm is busy meanwhile: squeue fails every other time.
    """
    terminal.close()
    terminal.tool("squeue", 'rm busy 2> /dev/null && exit 1; touch busy; "$real" "$@"')
    command, saved = terminal.launch(*gates(4)), 20
    before = terminal.midway(steps=saved)
    cancelled, requeued = terminal.words()
    terminal.cluster.run("scancel", cancelled.job_id)
    terminal.cluster.run("scancel", "--signal=USR2", requeued.job_id)
    terminal.until(lambda: terminal.words()[1].attempt == 2, "the second attempt")
    terminal.open()
    said = terminal.end(command, status=1)
    assert "2 of 4 points complete" in said
    assert "2 points missing: stopped by SIGTERM; what was finished is kept" in said
    assert terminal.points(status=1) == {"done": 2, "missing": 2}
    assert 0 < terminal.calls()[terminal.words()[1].pid] <= STEPS - saved + 5
    done = terminal.runs()

    assert "2 points handed out in 1 tasks" in terminal.run("sweeps", "resume", "sweep")
    assert terminal.calls()[terminal.words()[2].pid] <= STEPS - saved + 5
    assert whole_and_kept(terminal, reference, done)
    assert whole_and_kept(terminal, reference, before)
    assert set(terminal.runs().attempt) == {1, 2}


def test_a_task_starts_again_after_its_points_were_handed_out_again(terminal, reference):
    """Slurm puts it back into the queue while squeue fails, so that its worker has left for all that anybody knows."""
    terminal.close()
    terminal.end(terminal.launch(*gates(2), detach="true"))
    before = terminal.midway()
    [first] = terminal.words()
    terminal.cluster.run("scontrol", "requeuehold", first.job_id)
    terminal.until(lambda: terminal.words()[0].phase == "left", "the end of the worker")
    terminal.tool("squeue", "exit 1")
    assert "2 points handed out in 1 tasks" in terminal.run("sweeps", "resume", "sweep")
    terminal.tool("squeue", '"$real" "$@"')
    terminal.until(lambda: terminal.words()[1], "the second task")
    terminal.until(lambda: terminal.cluster.run("scontrol", "release", first.job_id), "the release")
    terminal.until(lambda: terminal.words()[0].attempt == 2 and terminal.words()[0].phase == "left", "the first again")
    assert terminal.words()[0].reason == "handed out again, as nothing was heard of it"
    terminal.open()
    terminal.run("sweeps", "wait", "sweep")
    assert terminal.calls()[terminal.words()[0].pid] == 0
    assert whole_and_kept(terminal, reference, before)


def test_a_worker_is_killed_and_its_points_are_tried_again_alone(terminal, reference):
    terminal.close()
    command = terminal.launch(*gates(4))
    before = terminal.midway()
    os.kill(terminal.words()[0].pid, signal.SIGKILL)
    terminal.open()
    said = terminal.end(command)
    assert "2 points lost their worker: once more, each in a process of its own" in said
    assert [list(map(len, each.packs)) for each in terminal.submissions()] == [[2, 2], [1, 1]]
    assert whole_and_kept(terminal, reference, before)


def test_a_node_goes_down(terminal, reference):
    terminal.close()
    command = terminal.launch(*gates(4), per_task=1)
    before = terminal.midway()
    words = terminal.words()
    assert {word.host for word in words} == {"n1", "n2"}
    terminal.cluster.node_down("n1")
    try:
        terminal.until(lambda: terminal.points() == {"running": 2, "queued": 2}, "the requeue")
        terminal.open()
        terminal.end(command)
    finally:
        terminal.cluster.node_up("n1")
    assert {word.host for word in terminal.words()} == {"n2"}
    assert sorted(word.attempt for word in terminal.words()) == [1, 1, 2, 2]
    assert whole_and_kept(terminal, reference, before)


def test_tasks_are_preempted_with_and_without_grace(terminal, reference):
    terminal.close()
    partitions = ("main", "grace")
    commands = {name: terminal.launch(*gates(2), f"hydra.sweep.dir={name}", partition=name) for name in partitions}
    before = {name: terminal.midway(name) for name in partitions}
    terminal.cluster.run("srun", "--partition=urgent", *WHOLE, "true", timeout=PATIENCE)
    terminal.open()
    for name, command in commands.items():
        terminal.end(command)
        [word] = terminal.words(name)
        assert word.phase == "ended"
        assert word.attempt > 1
        assert len(terminal.submissions(name)) == 1
        assert whole_and_kept(terminal, reference, before[name], name)


def test_the_time_limit_comes(terminal, reference):
    terminal.close()
    command = terminal.launch(*gates(2), timeout_min=1, signal_delay_s=45)
    before = terminal.midway()
    terminal.until(lambda: terminal.words()[0].attempt > 1, "the second attempt")
    terminal.open()
    terminal.end(command)
    assert len(terminal.submissions()) == 1
    assert terminal.words()[0].phase == "ended"
    assert whole_and_kept(terminal, reference, before)


def test_a_file_is_damaged_and_two_resume_at_once(terminal, reference):
    terminal.end(terminal.launch(*gates(4)))
    [damaged, *others] = sorted(terminal.folder.glob("sweep/*/runs.parquet"))
    kept = {path: path.stat().st_mtime_ns for path in others}
    before = terminal.runs()
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert terminal.points(status=1) == {"done": 3, "missing": 1}
    said = "".join(map(terminal.end, [terminal.start("sweeps", "resume", "sweep") for _ in range(2)]))
    assert said.count("4 of 4 points complete") == 2
    assert sorted(line for line in said.splitlines() if "handed out" in line) == [
        "0 points handed out in 0 tasks",
        "1 points handed out in 1 tasks",
    ]
    assert {path: path.stat().st_mtime_ns for path in others} == kept
    assert len(before) == 8
    assert whole_and_kept(terminal, reference, before[~before.gamma.isin(_gamma(damaged))])


def _gamma(path: Path) -> list[float]:
    return [float(path.parent.name.split(",")[0].removeprefix("gamma="))]


def test_a_point_raises(terminal):
    (terminal.folder / "broken").touch()
    network = ("network._target_=mynet.Net", "data.path=my.npz", "flow.stop=1e-3", "seeds=[0]")
    said = terminal.end(terminal.launch(*network, "widths=[20],[40],[60,90]", per_task=1), status=1)
    assert "2 of 3 points complete" in said
    assert "widths=[60,90]: NetworkError: network Net: forward at width 90 raised RuntimeError: out of luck" in said
    assert "1 of 3 jobs failed" in said
    assert terminal.points(status=1) == {"done": 2, "failed": 1}
    found = terminal.runs()
    assert sorted(zip(found.width, found.status, strict=True)) == [
        (20, "converged"),
        (40, "converged"),
        (60, "converged"),
        (90, "failed"),
    ]
    ids = ",".join(word.job_id for word in terminal.words())
    sacct = ("sacct", "-nPX", f"--jobs={ids}", "--format=State,ExitCode")
    ended = ["COMPLETED|0:0", "COMPLETED|0:0", "FAILED|1:0"]
    terminal.until(lambda: sorted(terminal.cluster.run(*sacct).stdout.split()) == ended, "sacct")

    before = found[found.status == "converged"]
    (terminal.folder / "broken").unlink()
    [again] = [line.split("again: ")[1] for line in said.splitlines() if "again: " in line]
    assert "1 of 1 points complete" in terminal.run(*shlex.split(again)[2:])
    assert terminal.points() == {"done": 3}
    pd.testing.assert_frame_equal(terminal.runs().loc[before.index], before)
