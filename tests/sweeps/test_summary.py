import io
import shlex
from collections import Counter
from pathlib import Path

from rich.console import Console

from sweeps.plan import Planned, quoted
from sweeps.progress import watched
from sweeps.summary import summarise


class Job:
    """A job that is complete when its folder holds the file "done"."""

    name, settings = "job", {}

    def missing(self, folder: Path) -> list[str]:
        return [] if (folder / "done").exists() else ["a", "b"]

    def outcome(self, folder: Path) -> Counter[str]:
        done = (folder / "done").exists()
        return Counter(converged=3, stalled=1, max_steps=2) if done else Counter(missing=4, failed=2)


def plan(folder, *names):
    return [Planned((f"x={name}", "y='a b'"), folder / name, Job()) for name in names]


def finish(planned):
    planned.folder.mkdir(parents=True, exist_ok=True)
    (planned.folder / "done").touch()


def shown(summary):
    out = io.StringIO()
    summary.show(Console(file=out, width=60))
    return out.getvalue()


def test_the_summary_counts_results_and_names_failures(tmp_path):
    folder = tmp_path / "a sweep's"
    done, raised, lost = plan(folder, "1", "2", "3")
    finish(done)
    raised.folder.mkdir()
    (raised.folder / "error.txt").write_text("Traceback ...\nRuntimeError: out of luck\n")
    summary = summarise(folder, [done, raised, lost], "python -m condense")
    text = shown(summary)
    assert f"{folder}: 1 of 3 points complete" in text
    assert "18 runs: 3 converged, 3 not converged (1 stalled, 2 max_steps), 4 failed, 8 missing" in text
    assert "failed 2: RuntimeError: out of luck" in text
    assert "1 points were not reached: the same command again computes what is missing" in text
    assert f"next: python -m analysis {shlex.quote(str(folder))}" in text
    commands = [line.removeprefix("    again: ") for line in text.splitlines() if "again:" in line]
    assert shlex.split(commands[0]) == [
        "python",
        "-m",
        "condense",
        "-m",
        "x=2",
        "y='a b'",
        f"hydra.sweep.dir={quoted(folder)}",
    ]


def test_a_whole_sweep_has_no_odd_words(tmp_path):
    [done] = plan(tmp_path, "1")
    finish(done)
    text = shown(summarise(tmp_path, [done], "python -m condense"))
    assert "failed" not in text
    assert "missing" not in text
    assert "not reached" not in text


def test_progress_without_a_terminal_is_told_in_lines(tmp_path, monkeypatch):
    monkeypatch.setattr("sweeps.progress.INTERVAL", 0.01)
    out = io.StringIO()
    planned = plan(tmp_path, *"abcd")
    with watched(planned, 2, Console(file=out, width=100)):
        for each in planned:
            finish(each)
            while f"{3 + planned.index(each)} of 6 points done" not in out.getvalue():
                pass
    assert "6 of 6 points done, about 0 s left" in out.getvalue()


def test_progress_on_a_terminal_is_a_bar(tmp_path):
    out = io.StringIO()
    planned = plan(tmp_path, "a", "b")
    with watched(planned, 1, Console(file=out, force_terminal=True, width=100)):
        for each in planned:
            finish(each)
    assert "3/3" in out.getvalue()
