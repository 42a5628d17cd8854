"""How a sweep stands, read from its folders: done, not converged, failed with the reason and what runs it again."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from sweeps.job import ERROR_FILE
from sweeps.plan import Planned, quoted

__all__ = ["Failure", "Summary", "summarise"]

WELL = "converged"
NOT_THERE = ("failed", "missing")


@dataclass(frozen=True)
class Failure:
    """A job that raised: its folder, the last line of its traceback, and what runs it again."""

    folder: Path
    reason: str
    command: str


@dataclass(frozen=True)
class Summary:
    """The state of a sweep."""

    folder: Path
    jobs: int
    complete: int
    results: Counter[str]
    failures: tuple[Failure, ...]

    @property
    def interrupted(self) -> int:
        """The jobs that are neither complete nor failed: their process ended before they did."""
        return self.jobs - self.complete - len(self.failures)

    def show(self, console: Console) -> None:
        """Print it."""
        lines = [f"[bold]{escape(str(self.folder))}[/]: {self.complete} of {self.jobs} points complete"]
        lines += [f"  {_states(self.results)}"]
        for failure in self.failures:
            lines += [f"  [red]failed[/] {escape(failure.folder.name)}: {escape(failure.reason)}"]
            lines += [f"    again: {escape(failure.command)}"]
        if self.interrupted:
            lines += [f"  {self.interrupted} points were not reached: the same command again computes what is missing"]
        if self.complete:
            lines += [f"  next: python -m analysis {escape(shlex.quote(str(self.folder)))}"]
        console.print("\n".join(lines), soft_wrap=True, highlight=False)


def _states(results: Counter[str]) -> str:
    total = sum(results.values())
    odd = [f"{count} {state}" for state, count in results.items() if state not in (WELL, *NOT_THERE) and count]
    parts = [f"{results[WELL]} converged"]
    parts += (
        [f"{total - results[WELL] - sum(results[s] for s in NOT_THERE)} not converged ({', '.join(odd)})"]
        if odd
        else []
    )
    parts += [f"{results[state]} {state}" for state in NOT_THERE if results[state]]
    return f"{total} runs: " + ", ".join(parts)


def summarise(folder: Path, planned: Sequence[Planned], program: str) -> Summary:
    """Return the state of the planned jobs from what their folders hold now."""
    results: Counter[str] = Counter()
    for each in planned:
        results.update(each.job.outcome(each.folder))
    left = [each for each in planned if not each.complete]
    raised = [each for each in left if (each.folder / ERROR_FILE).exists()]
    failures = tuple(Failure(each.folder, _reason(each), _command(each, folder, program)) for each in raised)
    return Summary(folder, len(planned), len(planned) - len(left), results, failures)


def _reason(planned: Planned) -> str:
    path = planned.folder / ERROR_FILE
    lines = path.read_text().strip().splitlines()
    return f"{lines[-1] if lines else 'no message'} ({path})"


def _command(planned: Planned, folder: Path, program: str) -> str:
    return shlex.join([*shlex.split(program), "-m", *planned.overrides, f"hydra.sweep.dir={quoted(folder)}"])
