"""Launching on this machine, with real workers and real faults."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.backends.base import worker_command
from sweeps.backends.packing import NotEnoughMemoryError
from sweeps.cli import main
from sweeps.launch import FailedFastError
from sweeps.status.sweep import Sweep

PATH = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])


def test_jobs_are_computed_in_as_many_processes_as_asked(squares):
    squares.run(*({"x": x} for x in range(6)), workers=2)
    assert squares.states() == {f"x={x}": "done" for x in range(6)}
    [submission] = squares.sweep.submissions
    words = [submission.word(k) for k in range(2)]
    assert [len(pack) for pack in submission.packs] == [3, 3]
    assert len({word.pid for word in words}) == 2
    assert {(word.phase, word.attempt, word.done) for word in words} == {("ended", 1, 3.0)}
    assert json.loads((squares.sweep.folder / "x=5" / "squares.json").read_text())["5:0"][2] == 25


def test_only_what_is_missing_is_computed_by_the_same_again(squares):
    squares.run({"x": 1}, {"x": 2})
    assert squares.submit({"x": 1}, {"x": 2}) is None
    squares.run({"x": 1, "repeats": 3}, {"x": 3})
    assert squares.states() == {"x=1": "done", "x=3": "done"}
    whole = Sweep.open(squares.sweep.folder)
    assert sorted((spec.name, len(spec.wanted)) for spec in whole.specs) == [("x=1", 3), ("x=2", 2), ("x=3", 2)]
    assert squares.tries(1) == ["1:0 1", "1:1 1", "1:2 1"]
    assert squares.tries(2) == ["2:0 1", "2:1 1"]


def test_what_two_orders_want_is_handed_out_once(squares):
    squares.spec({"x": 1, "repeats": 2})
    squares.spec({"x": 1, "first": 1, "repeats": 3})
    squares.sweep = Sweep.open(squares.sweep.folder)
    assert squares.sweep.total == 1.5
    squares.run(workers=2)
    [submission] = squares.sweep.submissions
    assert [spec.wanted for k in range(2) for spec in submission.specs(k)] == [("1:0",), ("1:1", "1:2")]
    assert sorted(squares.tries(1)) == ["1:0 1", "1:1 1", "1:2 1"]


def test_what_a_worker_is_at_is_not_handed_out_to_another(squares):
    squares.submit({"x": 1, "seconds": 0.5})
    squares.until(lambda: squares.tries(1))
    second = squares.submit({"x": 1, "first": 1, "repeats": 3})
    assert [spec.wanted for spec in second.specs(0)] == [("1:2",)]
    squares.until(lambda: not squares.sweep.live())
    assert squares.states() == {"x=1": "done"}
    assert sorted(squares.tries(1)) == ["1:0 1", "1:1 1", "1:2 1"]


QUICK = "from sweeps import worker; worker.HEARTBEAT = 0.05; worker.main()"


def test_a_worker_that_comes_back_leaves_what_was_handed_out_again_meanwhile(squares):
    first = squares.submit({"x": 0}, {"x": 1, "seconds": 60}, workers=1)
    os.kill(squares.until(lambda: squares.tries(1) and first.word(0)).pid, signal.SIGKILL)
    squares.until(lambda: not squares.sweep.live())
    back = subprocess.Popen([sys.executable, "-c", QUICK, first.folder, "0"], env=os.environ | {"PYTHONPATH": PATH})
    squares.until(lambda: len(squares.tries(1)) == 2)
    second = squares.submit({"x": 0}, {"x": 1, "seconds": 0.5})
    assert back.wait(20) == 0
    squares.until(lambda: len(squares.tries(1)) == 3)
    subprocess.run(worker_command(first, 0), check=True)
    assert (first.word(0).phase, first.word(0).attempt) == ("left", 3)
    assert first.word(0).reason == "handed out again, as nothing was heard of it"
    squares.until(lambda: not squares.sweep.live())
    assert second.word(0).phase == "ended"
    assert squares.tries(1) == ["1:0 1", "1:0 2", "1:0 1", "1:1 1"]
    assert squares.tries(0) == ["0:0 1", "0:1 1"]


def test_a_job_that_raises_leaves_the_others(squares):
    squares.run({"x": 1}, {"x": 2, "how": "raises"}, {"x": 3})
    assert squares.states() == {"x=1": "done", "x=2": "failed", "x=3": "done"}
    [failed] = [each for each in squares.sweep.look() if each.state == "failed"]
    assert failed.reason == "RuntimeError: out of luck"
    assert squares.sweep.submissions[0].word(0).reason == "1 of 3 jobs raised"
    squares.run()
    assert len(squares.tries(2)) == 4  # tried again because it was asked for again, both repeats


def test_a_job_whose_worker_is_killed_has_one_more_try_alone(squares):
    squares.run({"x": 1}, {"x": 2, "how": "killed once"}, {"x": 3})
    assert set(squares.states().values()) == {"done"}
    assert squares.tries(1) == ["1:0 1", "1:1 1"]
    assert squares.tries(2) == ["2:0 1", "2:0 1", "2:1 1"]
    assert "2 points lost their worker: once more, each in a process of its own" in squares.out.getvalue() or (
        "1 points lost their worker" in squares.out.getvalue()
    )


def test_a_job_that_kills_its_worker_twice_is_reported_and_the_others_are_done(squares):
    squares.run({"x": 1}, {"x": 2, "how": "killed"}, {"x": 3}, {"x": 4})
    assert squares.states() == {"x=1": "done", "x=2": "missing", "x=3": "done", "x=4": "done"}
    assert squares.tries(2) == ["2:0 1", "2:0 1"]
    [lost] = [each for each in squares.sweep.look() if each.state == "missing"]
    assert lost.killed
    assert lost.reason.startswith("its worker was killed on ")
    assert "out of memory?" in lost.reason


def test_other_code_is_refused_and_named(squares, tmp_path):
    module = tmp_path / "users.py"
    module.write_text("x = 1\n")
    squares.spec({"x": 1})
    launch = squares.launch()
    launch.place = {"files": [str(module)]}
    backend, launch.backend.start = launch.backend.start, lambda submission: None
    with squares.sweep.locked():
        submission = launch.submit()
    module.write_text("x = 2\n")
    backend(submission)
    squares.until(lambda: not squares.sweep.live())
    [status] = squares.sweep.look()
    assert status.state == "missing"
    assert f"the code has changed since this was submitted ({module}): nothing was computed" in status.reason
    assert f"python -m sweeps resume {squares.sweep.folder}" in status.reason
    assert squares.tries(1) == []
    squares.run()
    assert squares.states() == {"x=1": "done"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_worker_that_is_told_to_stop_keeps_what_is_finished(squares, number):
    submission = squares.submit({"x": 1}, {"x": 2, "seconds": 30})
    word = squares.until(lambda: squares.tries(2) and submission.word(0))
    os.kill(word.pid, number)
    squares.until(lambda: not squares.sweep.live())
    assert submission.word(0).phase == "left"
    assert squares.states() == {"x=1": "done", "x=2": "missing"}
    [left] = [each for each in squares.sweep.look() if each.state == "missing"]
    assert left.reason == f"stopped by {number.name}; what was finished is kept"
    squares.run({"x": 2})
    assert {each.state for each in Sweep.open(squares.sweep.folder).look()} == {"done"}
    assert len(squares.tries(1)) == 2


def test_what_another_process_has_is_waited_for_and_not_computed_twice(squares):
    squares.submit({"x": 1, "seconds": 0.5}, {"x": 2, "seconds": 0.5})
    squares.run({"x": 1, "seconds": 0.5}, {"x": 2, "seconds": 0.5}, {"x": 3})
    assert set(squares.states().values()) == {"done"}
    assert [len(squares.tries(x)) for x in (1, 2, 3)] == [2, 2, 2]
    assert [list(map(list, each.packs)) for each in squares.sweep.submissions] == [[["x=1", "x=2"]], [["x=3"]]]


def test_results_that_nobody_has_yet_are_handed_out_beside_a_job_that_runs(squares):
    squares.submit({"x": 1, "seconds": 1})
    squares.run({"x": 1, "repeats": 3})
    assert squares.states() == {"x=1": "done"}
    assert len(squares.sweep.submissions) == 2


def test_what_was_cancelled_stays_so_though_another_process_waits(squares):
    squares.submit({"x": 1, "seconds": 60})
    squares.until(lambda: squares.tries(1))
    threading.Timer(0.5, squares.launch().backend.cancel, [squares.sweep.submissions]).start()
    squares.run({"x": 1, "seconds": 60})
    assert squares.states() == {"x=1": "missing"}
    assert len(squares.sweep.submissions) == 1


def test_a_job_that_is_another_now_is_refused(squares, monkeypatch):
    squares.spec({"x": 1})
    [spec] = squares.sweep.specs
    squares.sweep.specs = [replace(spec, wanted=("as", "submitted"))]
    with squares.sweep.locked():
        squares.launch().submit()
    squares.until(lambda: not squares.sweep.live())
    [status] = squares.sweep.look()
    assert "x=1 is not what was submitted: its results have other keys now" in status.reason
    assert squares.tries(1) == []


def test_local_workers_within_a_task_of_slurm_have_their_own_packs(squares, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    squares.run({"x": 1}, {"x": 2}, workers=2)
    assert squares.states() == {"x=1": "done", "x=2": "done"}


def test_an_old_error_does_not_hide_what_came_after_it(squares):
    squares.run({"x": 1, "how": "raises"})
    submission = squares.submit({"x": 1, "seconds": 60})
    word = squares.until(lambda: len(squares.tries(1)) > 2 and submission.word(0))
    os.kill(word.pid, signal.SIGTERM)
    squares.until(lambda: not squares.sweep.live())
    [status] = squares.sweep.look()
    assert (status.state, status.reason) == ("missing", "stopped by SIGTERM; what was finished is kept")


def test_a_damaged_word_is_none(squares):
    squares.run({"x": 1})
    squares.sweep.submissions[0].word_file(0).write_text("")
    squares.run({"x": 1}, {"x": 2})
    assert squares.states() == {"x=1": "done", "x=2": "done"}


def test_many_that_submit_at_once_hand_each_job_out_once(squares):
    configs = [{"x": x, "seconds": 0.1} for x in range(4)]
    squares.spec(*configs)

    def submit():
        sweep = Sweep.open(squares.sweep.folder)
        launch = squares.launch()
        launch.sweep = sweep
        with sweep.locked():
            launch.submit()

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    squares.until(lambda: not squares.sweep.live())
    assert [squares.tries(x) for x in range(4)] == [[f"{x}:0 1", f"{x}:1 1"] for x in range(4)]
    assert len(squares.sweep.submissions) == 1


LAUNCHER = """
import io, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
import conftest
from sweeps.status.sweep import Sweep
made = conftest.Counting(Sweep(Path(sys.argv[1]), "counting.Job", []), io.StringIO())
made.run({"x": 1, "seconds": SECONDS})
"""


def launcher_of(squares, seconds):
    """A process that launches a job and waits for it, which has begun."""
    code = LAUNCHER.replace("SECONDS", str(seconds))
    command = [sys.executable, "-c", code, str(squares.sweep.folder), str(Path(__file__).parent), *sys.path]
    restore = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    launcher = subprocess.Popen(command, preexec_fn=restore, stderr=subprocess.PIPE)
    squares.until(lambda: squares.tries(1))
    return launcher


def test_an_interrupt_of_the_launcher_ends_its_workers(squares):
    launcher = launcher_of(squares, seconds=60)
    launcher.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in launcher.communicate(timeout=20)[1]
    assert squares.sweep.submissions[0].word(0).reason == "stopped by SIGTERM; what was finished is kept"
    assert not squares.sweep.live()


def test_a_launcher_that_is_killed_leaves_its_workers_at_work(squares):
    launcher = launcher_of(squares, seconds=2)
    launcher.kill()
    launcher.communicate()
    assert launcher.returncode == -signal.SIGKILL
    other = Sweep.open(squares.sweep.folder)
    assert os.getsid(other.submissions[0].word(0).pid) != os.getsid(0)
    assert [each.state for each in other.look()] == ["running"]
    squares.until(lambda: not other.live())
    assert [each.state for each in other.look()] == ["done"]


def test_a_job_that_needs_too_much_memory_stops_the_launch(squares):
    with pytest.raises(NotEnoughMemoryError, match="x=1 needs about 0.1 GB"):
        squares.submit({"x": 1}, mem_gb=0.05)
    assert squares.sweep.submissions == []


def test_the_hydra_files_are_there(squares):
    squares.run({"x": 7})
    folder = squares.sweep.folder / "x=7" / ".hydra"
    assert (folder / "config.yaml").read_text() == "x: 7\n"
    assert (folder / "overrides.yaml").read_text() == "- x=7\n"
    assert (folder / "hydra.yaml").exists()


FAILING = ({"x": 1, "how": "raises"}, {"x": 2, "seconds": 60}, {"x": 3, "seconds": 60})


def test_the_first_failed_point_ends_the_others_if_asked(squares):
    with pytest.raises(FailedFastError) as stopped:
        squares.run(*FAILING, workers=2, fail_fast=True)
    assert str(stopped.value) == (
        "stopped at the first point that failed, as hydra.sweeper.fail_fast says: x=1: RuntimeError: out of luck\n"
        "What was finished is kept. Mend it, and the same command again goes on; with "
        "hydra.sweeper.fail_fast=false it computes the other points too"
    )
    assert squares.states() == {"x=1": "failed", "x=2": "missing", "x=3": "missing"}
    assert {each.reason for each in squares.sweep.look()[1:]} == {"stopped as x=1 failed; what was finished is kept"}
    squares.run({"x": 1}, {"x": 2}, {"x": 3}, fail_fast=True)
    assert set(squares.states().values()) == {"done"}


def test_workers_that_nobody_watches_end_at_the_first_failed_point_too(squares):
    submission = squares.submit(*FAILING, workers=3, fail_fast=True)
    squares.until(lambda: not squares.sweep.live())
    assert squares.states() == {"x=1": "failed", "x=2": "missing", "x=3": "missing"}
    assert submission.failed == "x=1"
    submission.word_file(2).unlink()  # as if it had been ended before it began
    squares.until(lambda: squares.sweep.look()[2].reason == "stopped as x=1 failed; what was finished is kept")
    late = subprocess.run(worker_command(submission, 2), check=False)  # a task that waited in a queue meanwhile
    assert late.returncode == 1
    assert (submission.word(2).attempt, submission.word(2).phase, squares.tries(3)[1:]) == (1, "left", [])


def test_resume_ends_at_the_first_failed_point_as_the_launch_did(squares, capsys):
    with pytest.raises(FailedFastError):
        squares.run(*FAILING, workers=1, fail_fast=True)
    assert main(["resume", str(squares.sweep.folder)]) == 1
    told = capsys.readouterr()
    assert "stopped at the first point that failed, as hydra.sweeper.fail_fast says: x=1:" in told.err
    assert "0 of 3 points complete" in told.out
