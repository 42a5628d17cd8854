"""The progress of a sweep while it runs: how much of its cost is on disk, and how long the rest takes at this pace."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rich.console import Console

from sweeps.text import duration

__all__ = ["Pace", "watched"]

INTERVAL = 0.5
"""Seconds between two looks."""

LINES = 10
"""About how many lines tell the progress where there is no terminal."""


@contextlib.contextmanager
def watched(left: Callable[[], float], total: float, console: Console, interval: float = INTERVAL) -> Iterator[None]:
    """Show the progress while the body runs; `left` returns what is left of a total cost."""
    ended = threading.Event()
    follow = _bar if console.is_terminal else _lines
    looks = iter(lambda: ended.wait(interval), True)
    watcher = threading.Thread(target=follow, args=(Pace(left, total), looks, console), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


@dataclass
class Pace:
    """Looks at what is left, and tells how long it takes at the pace since the first look."""

    left: Callable[[], float]
    total: float
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.first = self.left()

    def look(self) -> tuple[float, float | None]:
        """Return the share done, and the seconds left if anything was done since the first look."""
        left = max(0.0, self.left())
        fresh = self.first - left
        seconds = (time.monotonic() - self.started) * left / fresh if fresh > 0 else None
        return 1 - left / (self.total or 1.0), seconds


def _bar(pace: Pace, looks: Iterator[bool], console: Console) -> None:
    from rich import progress as bars

    spent = (bars.TextColumn("sweep"), bars.BarColumn(), bars.TaskProgressColumn(), bars.TimeElapsedColumn())
    with bars.Progress(*spent, bars.TextColumn("left"), bars.TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("sweep", total=1.0)
        for _ in looks:
            progress.update(task, completed=pace.look()[0])
        progress.update(task, completed=pace.look()[0])


def _lines(pace: Pace, looks: Iterator[bool], console: Console) -> None:
    told = 0
    for _ in looks:
        share, seconds = pace.look()
        if int(share * LINES) > told and seconds is not None:
            told = int(share * LINES)
            console.print(f"{share:.0%} done, about {duration(seconds)} left")
