"""How a sweep stands: as a table for people, as JSON for programs."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from sweeps.backends import Live
from sweeps.folder.submission import RUNNING as AT_WORK
from sweeps.job import FAILED
from sweeps.status.summary import missing, origins_warning
from sweeps.status.sweep import DONE, STATES, JobStatus, Sweep
from sweeps.text import duration

__all__ = ["as_json", "as_table", "seconds_left"]

SHOWN = 20
"""Failed points that are shown one by one."""


def as_table(sweep: Sweep, live: Live | None = None) -> Group:
    """Return a table of the states with the time left, the reasons of failures, and warnings."""
    live = sweep.live() if live is None else live
    statuses = sweep.look(live)
    counts = Counter(each.state for each in statuses)
    table = Table("state", "points", "", title=str(sweep.folder), title_justify="left", show_edge=False)
    for state in STATES:
        if counts[state] or state == DONE:
            table.add_row(state, str(counts[state]), "#" * round(40 * counts[state] / len(statuses)))
    lines = [f"[red]failed[/] {escape(each.name)}: {escape(each.reason)}" for each in statuses if each.state == FAILED]
    if len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"and {len(lines) - SHOWN} more failed points"]
    lines += missing(statuses)
    lines += [f"[yellow]warning[/] {escape(line)}" for line in origins_warning(statuses)]
    left = seconds_left(sweep, statuses, live)
    lines += [f"about {duration(left)} left"] if left is not None else []
    return Group(table, *lines)


def as_json(sweep: Sweep) -> str:
    """Return the states of all jobs, and the counts, as JSON."""
    live = sweep.live()
    statuses = sweep.look(live)
    return json.dumps(
        {
            "folder": str(sweep.folder),
            "points": {state: sum(each.state == state for each in statuses) for state in STATES},
            "seconds_left": seconds_left(sweep, statuses, live),
            "warnings": origins_warning(statuses),
            "jobs": [
                {"name": each.name, "state": each.state, "reason": each.reason, "results": dict(each.results)}
                for each in statuses
            ],
        },
        indent=1,
    )


def seconds_left(sweep: Sweep, statuses: Sequence[JobStatus], live: Live) -> float | None:
    """Return the time that what is left takes at the pace of the workers so far; None if nothing tells."""
    words = [each.word(k) for each in sweep.submissions for k in range(len(each.packs)) if (each.folder, k) in live]
    paces = [word.done / (time.time() - word.started) for word in words if word and word.phase == AT_WORK and word.done]
    if not paces:
        return None
    return sweep.left(statuses) / sum(paces)
