"""How a sweep stands: as a table for people, as JSON for programs."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from sweeps.job import FAILED
from sweeps.progress import duration
from sweeps.sites import Live
from sweeps.submission import RUNNING as AT_WORK
from sweeps.summary import missing, origins_warning
from sweeps.sweep import DONE, STATES, Standing, Sweep

__all__ = ["as_json", "as_table", "seconds_left"]

SHOWN = 20
"""Failed points that are shown one by one."""


def as_table(sweep: Sweep, live: Live | None = None) -> Group:
    """Return a table of the states with the time left, the reasons of failures, and warnings."""
    live = sweep.live() if live is None else live
    standings = sweep.look(live)
    counts = Counter(each.state for each in standings)
    table = Table("state", "points", "", title=str(sweep.folder), title_justify="left", show_edge=False)
    for state in STATES:
        if counts[state] or state == DONE:
            table.add_row(state, str(counts[state]), "#" * round(40 * counts[state] / len(standings)))
    lines = [f"[red]failed[/] {escape(each.name)}: {escape(each.reason)}" for each in standings if each.state == FAILED]
    if len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"and {len(lines) - SHOWN} more failed points"]
    lines += missing(standings)
    lines += [f"[yellow]warning[/] {escape(line)}" for line in origins_warning(standings)]
    left = seconds_left(sweep, standings, live)
    lines += [f"about {duration(left)} left"] if left is not None else []
    return Group(table, *lines)


def as_json(sweep: Sweep) -> str:
    """Return the states of all jobs, and the counts, as JSON."""
    live = sweep.live()
    standings = sweep.look(live)
    return json.dumps(
        {
            "folder": str(sweep.folder),
            "points": {state: sum(each.state == state for each in standings) for state in STATES},
            "seconds_left": seconds_left(sweep, standings, live),
            "warnings": origins_warning(standings),
            "jobs": [
                {"name": each.name, "state": each.state, "reason": each.reason, "results": dict(each.results)}
                for each in standings
            ],
        },
        indent=1,
    )


def seconds_left(sweep: Sweep, standings: Sequence[Standing], live: Live) -> float | None:
    """Return the time that what is left takes at the pace of the workers so far; None if nothing tells."""
    words = [each.word(k) for each in sweep.submissions for k in range(len(each.packs)) if (each.folder, k) in live]
    paces = [word.done / (time.time() - word.started) for word in words if word and word.phase == AT_WORK and word.done]
    if not paces:
        return None
    return sweep.left(standings) / sum(paces)
