"""How a sweep stands, in words: done, not converged, failed with the reason and what runs it again, missing and why."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from front_door.names import called
from sweeps.job import ERROR_FILE, FAILED
from sweeps.status.sweep import DONE, MISSING, JobStatus

__all__ = ["missing", "origins_warning", "show"]

WELL = ("converged", "trained")
"""How a run ends that came to the end which was asked for: what a job without such words computed is `DONE`."""

SHOWN = 10
"""Failed points that are shown one by one."""


def show(folder: Path, statuses: Sequence[JobStatus], commands: Mapping[str, str], console: Console) -> None:
    """Print how a sweep stands; `commands` run a job again, by its name."""
    counts = Counter(each.state for each in statuses)
    lines = [f"[bold]{escape(str(folder))}[/]: {counts[DONE]} of {len(statuses)} points complete"]
    lines += [f"  {_results(statuses)}"]
    failed = [each for each in statuses if each.state == FAILED]
    for each in failed[:SHOWN]:
        lines += [f"  [red]failed[/] {escape(each.name)}: {escape(each.reason)} ({escape(_error(folder, each))})"]
        lines += [f"    again: {escape(commands[each.name])}"]
    if len(failed) > SHOWN:
        lines += [f"  and {len(failed) - SHOWN} more failed points: {called('sweeps')} status {_shell(folder)}"]
    lines += [f"  {line}" for line in missing(statuses)]
    lines += [f"  [yellow]warning[/] {escape(line)}" for line in origins_warning(statuses)]
    if counts[MISSING]:
        lines += ["  the same command again computes what is missing"]
    if counts[DONE]:
        lines += [f"  next: {called('analysis')} {escape(_shell(folder))}"]
    console.print("\n".join(lines), soft_wrap=True, highlight=False)


def missing(statuses: Sequence[JobStatus]) -> list[str]:
    """Return a line for every reason why points are missing."""
    reasons = Counter(each.reason for each in statuses if each.state == MISSING)
    return [f"{count} points missing: {escape(reason)}" for reason, count in reasons.items()]


def origins_warning(statuses: Sequence[JobStatus]) -> list[str]:
    """Return a line that warns if the results come from several versions of the code."""
    origins = sorted({origin for each in statuses for origin in each.origins})
    if len(origins) < 2:
        return []
    return [f"the results come from {len(origins)} versions of the code: {', '.join(origins)}"]


def _results(statuses: Sequence[JobStatus]) -> str:
    results = sum((each.results for each in statuses), Counter[str]())
    well = {state: results[state] for state in (*WELL, DONE) if results[state]}
    odd = {state: n for state, n in results.items() if state not in (*WELL, DONE, FAILED, MISSING)}
    parts = [f"{n} {state}" for state, n in well.items()] or (["0 converged"] if odd else [])
    if odd:
        told = ", ".join(f"{n} {state}" for state, n in sorted(odd.items()))
        parts += [f"{sum(odd.values())} not converged ({told})"]
    parts += [f"{results[state]} {state}" for state in (FAILED, MISSING) if results[state]]
    return f"{sum(results.values())} runs: " + ", ".join(parts)


def _error(folder: Path, status: JobStatus) -> str:
    return str(folder / status.name / ERROR_FILE)


def _shell(path: Path) -> str:
    return shlex.quote(str(path))
