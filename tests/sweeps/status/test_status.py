"""How a sweep stands: in the summary, the table, the JSON, and the exit status."""

import itertools
import json
import re
import shlex
import sys

import counting
import pytest
from rich.console import Console

from sweeps.cli import main
from sweeps.folder.spec import JobSpec
from sweeps.status import summary
from sweeps.status.sweep import NoSweepError, Sweep, job_class


def shown(squares):
    summary.show(
        squares.sweep.folder, squares.sweep.look(), squares.sweep.commands(), Console(file=squares.out, width=80)
    )
    return squares.out.getvalue()


@pytest.fixture
def mixed(squares):
    """One job done, one failed, one whose worker was told to stop, one never submitted."""
    squares.run({"x": 1}, {"x": 2, "how": "raises"})
    submission = squares.submit({"x": 3, "seconds": 60})
    squares.until(lambda: squares.tries(3))
    squares.launch().backend.cancel([submission])
    squares.until(lambda: not squares.sweep.live())
    squares.spec({"x": 1}, {"x": 2, "how": "raises"}, {"x": 3, "seconds": 60}, {"x": 4})
    return squares


def test_the_summary_names_what_is_done_failed_and_missing(mixed):
    text = shown(mixed)
    assert f"{mixed.sweep.folder}: 1 of 4 points complete" in text
    assert "8 runs: 2 converged, 6 missing" in text
    assert f"failed x=2: RuntimeError: out of luck ({mixed.sweep.folder}/x=2/error.txt)" in text
    assert "1 points missing: stopped by SIGTERM; what was finished is kept" in text
    assert "1 points missing: not submitted" in text
    assert "the same command again computes what is missing" in text
    assert f"next: python -m analysis {shlex.quote(str(mixed.sweep.folder))}" in text
    [again] = re.findall(r"again: (.*)", text)
    assert shlex.split(again) == [
        "python",
        "-m",
        "counting",
        "-m",
        "x=2",
        "hydra.sweep.dir='" + str(mixed.sweep.folder).replace("'", "\\'") + "'",
    ]


def test_a_whole_sweep_has_no_odd_words(squares):
    squares.run({"x": 1})
    text = shown(squares)
    assert not re.search("failed|missing|warning|again", text)


def test_status_prints_a_table_or_json_and_tells_by_its_exit_status(mixed, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert main(["status", str(mixed.sweep.folder)]) == 1
    table = capsys.readouterr().out
    for state, count in (("done", 1), ("failed", 1), ("missing", 2)):
        assert re.search(rf"{state} +│ {count} ", table)
    assert "failed x=2: RuntimeError: out of luck" in table
    assert main(["status", "--json", str(mixed.sweep.folder)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["points"] == {"done": 1, "running": 0, "queued": 0, "failed": 1, "missing": 2}
    assert {job["name"]: job["state"] for job in told["jobs"]} == {
        "x=1": "done",
        "x=2": "failed",
        "x=3": "missing",
        "x=4": "missing",
    }


def test_status_follows_what_runs_and_tells_the_time_left(squares, capsys):
    squares.submit({"x": 1}, {"x": 2, "seconds": 1.5})
    squares.until(lambda: squares.sweep.submissions[0].word(0) and squares.sweep.submissions[0].word(0).done)
    main(["status", "--json", str(squares.sweep.folder)])
    told = json.loads(capsys.readouterr().out)
    assert told["points"]["running"] == 1
    assert 0 < told["seconds_left"] < 60
    assert main(["status", "--watch", str(squares.sweep.folder)]) == 0
    assert re.search(r"done +│ 2 ", capsys.readouterr().out)


def test_results_of_several_versions_of_the_code_are_warned_of(squares, monkeypatch, capsys):
    squares.run({"x": 1}, {"x": 2})
    path = squares.sweep.folder / "x=2" / "squares.json"
    records = path.read_text()
    path.unlink()
    path.write_text(records.replace("version 1", "version 2"))
    main(["status", str(squares.sweep.folder)])
    assert "the results come from 2 versions of the code: version 1, version 2" in " ".join(
        capsys.readouterr().out.split()
    )
    assert "warning the results come from 2 versions" in shown(squares)


def test_wait_cancel_and_resume(squares, capsys):
    squares.submit({"x": 1}, {"x": 2, "seconds": 60})
    squares.until(lambda: squares.tries(2))
    folder = str(squares.sweep.folder)
    assert main(["cancel", folder]) == 0
    assert capsys.readouterr().out.startswith("1 tasks told to save and leave; python -m sweeps resume")
    assert main(["wait", folder]) == 1
    squares.spec({"x": 1}, {"x": 2})  # this time without the pause
    whole = Sweep.open(squares.sweep.folder)
    assert len(whole.specs) == 2
    assert main(["resume", folder, "workers=2"]) == 0
    assert "1 points handed out in 1 tasks" in capsys.readouterr().out
    assert [len(squares.tries(x)) for x in (1, 2)] == [2, 3]
    assert squares.sweep.submissions[-1].parameters["workers"] == 2
    assert main(["resume", folder]) == 0
    assert len(squares.sweep.submissions) == 2


def test_what_seems_to_run_can_be_taken_for_lost(squares, capsys):
    squares.submit({"x": 1, "seconds": 2})
    squares.until(lambda: squares.tries(1))
    assert main(["resume", str(squares.sweep.folder), "--lost"]) == 0
    first, _ = squares.sweep.submissions
    assert len(squares.sweep.submissions) == 2
    assert first.word(0).phase in ("left", "ended")  # "left" until its worker, which did live, has ended


def test_bad_commands_say_what_is_allowed(squares, capsys, tmp_path):
    squares.run({"x": 1})
    folder = str(squares.sweep.folder)
    assert main(["status", str(tmp_path)]) == 2
    assert "holds no sweep" in capsys.readouterr().err
    assert main(["resume", folder, "worker=2"]) == 2
    error = capsys.readouterr().err
    assert "hydra.launcher.worker = 2: hydra/launcher=local has no such parameter. Did you mean workers?" in error
    assert "Its parameters are job, detach, mem_gb, checkpoint_minutes, workers, cpus_per_task" in error
    assert main(["resume", folder, "hydra/launcher=pbs"]) == 2
    assert "hydra/launcher=pbs is not known: local, slurm" in capsys.readouterr().err
    assert main(["plan"]) == 2
    assert "name the command" in capsys.readouterr().err
    (squares.sweep.folder / ".sweep" / "orders.json").write_text("{")
    assert main(["status", folder]) == 2
    assert "orders.json is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[]", "3", "null", '{"a": 1}', '[{"a": 1}]'])
def test_files_of_a_sweep_that_hold_something_else_are_named_or_made_anew(squares, capsys, text):
    squares.run({"x": 1})
    files = sorted((squares.sweep.folder / ".sweep").rglob("*.json"))
    assert {"orders.json", "submission.json"} < {file.name for file in files}
    for file, command in itertools.product(files, ("status", "cancel", "resume")):
        before = file.read_text()
        file.write_text(text)
        code, told = main([command, str(squares.sweep.folder)]), capsys.readouterr()
        assert code == 0 or (code == 2 and f"{file} is damaged: " in told.err), (file, command, told)
        file.write_text(before)


def test_a_sweep_of_hydras_own_launchers_is_resumed_by_its_command(squares, capsys):
    squares.spec({"x": 1})
    assert main(["resume", str(squares.sweep.folder)]) == 2
    assert "was launched without hydra/launcher=local or slurm: the command that made it" in capsys.readouterr().err


def test_what_makes_jobs_is_named_by_a_dotted_path():
    assert job_class("counting.Job") is counting.Job
    for wrong in ("counting.None", "no_such_module.Job", "Job"):
        with pytest.raises(ValueError, match=f"job = '{wrong}' cannot be imported"):
            job_class(wrong)
    with pytest.raises(NoSweepError):
        Sweep.open(counting.Path(sys.prefix))


@pytest.mark.parametrize("name", ["../../x", "/x", "x/../../y", "", "x" * 256])
@pytest.mark.parametrize("command", ["resume", "status", "cancel"])
def test_orders_that_lie_outside_of_the_folder_are_refused(squares, capsys, command, name):
    squares.spec({"x": 1})
    file = squares.sweep.folder / ".sweep" / "orders.json"
    content = json.loads(file.read_text())
    content["orders"][0]["name"] = name
    file.write_text(json.dumps(content))
    before = sorted(squares.sweep.folder.parent.rglob("*"))
    assert main([command, str(squares.sweep.folder)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"{file} is damaged: ")
    assert "is not allowed as the folder of a point: " in told
    assert sorted(squares.sweep.folder.parent.rglob("*")) == before
    with pytest.raises(ValueError, match="is damaged"), squares.sweep.locked():
        squares.sweep.keep()


def test_a_point_whose_folder_would_have_too_long_a_name_is_refused():
    name = "x=1,é=" + "1" * 248
    assert JobSpec(name, (), {}, ()).name == name
    with pytest.raises(ValueError, match=r"^x=1,é=1{54}\.\. is not allowed as the folder of a point: ") as refused:
        JobSpec(f"{name}1", (), {}, ())
    allowed = "at most 255 bytes, not 256. It tells the values of the keys that vary: give the command once for each"
    assert allowed in str(refused.value)


def test_a_file_holds_no_sweep(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["status", str(tmp_path / "file")]) == 2
    assert "file holds no sweep" in capsys.readouterr().err


def test_what_a_folder_stores_keeps_its_words(squares):
    """Sweeps of versions before are to be opened: what they hold is called as it was."""
    squares.run({"x": 1})
    state = squares.sweep.folder / ".sweep"
    submission, jobs = (json.loads((state / name).read_text()) for name in ("001/submission.json", "orders.json"))
    words = "site parameters job packs hydra code alone fail_fast cwd path installed host pid time"
    assert list(submission) == words.split()
    assert list(jobs) == ["job", "program", "orders"]
    assert list(jobs["orders"][0]) == [
        "name",
        "overrides",
        "config",
        "wanted",
        "cost",
        "memory_gb",
        "number",
        "choices",
    ]
    assert squares.sweep.submissions[0].backend == submission["site"] == "local"
