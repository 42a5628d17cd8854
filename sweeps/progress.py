"""The progress of a sweep, watched in its folders, so it shows the same whatever launcher runs the jobs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sweeps.plan import Planned

__all__ = ["watched"]

INTERVAL = 0.5
"""Seconds between two looks."""

LINES = 10
"""About how many lines tell the progress where there is no terminal."""


@contextlib.contextmanager
def watched(planned: Sequence[Planned], already: int, console: Console) -> Iterator[None]:
    """Show points done and time left while the body runs; `already` points of the sweep need no work."""
    ended = threading.Event()
    follow = _bar if console.is_terminal else _lines
    watcher = threading.Thread(target=follow, args=(_Count(planned, already), ended, console), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


class _Count:
    """Counts complete jobs; each is read until it is complete and not again."""

    def __init__(self, planned: Sequence[Planned], already: int) -> None:
        self.pending, self.already, self.total = list(planned), already, already + len(planned)
        self.started = time.monotonic()
        self._seen: dict[Planned, int] = {}

    def look(self) -> int:
        """Return how many points are complete."""
        self.pending = [each for each in self.pending if not (self._changed(each) and each.complete)]
        return self.total - len(self.pending)

    def _changed(self, planned: Planned) -> bool:
        """Return whether a job's folder was written to since the last look."""
        written = planned.folder.stat().st_mtime_ns if planned.folder.exists() else 0
        changed = written != self._seen.get(planned, 0)
        self._seen[planned] = written
        return changed

    def seconds_left(self, done: int) -> float | None:
        """Return the time left at the pace so far."""
        fresh = done - self.already
        return (time.monotonic() - self.started) * (self.total - done) / fresh if fresh else None


def _bar(count: _Count, ended: threading.Event, console: Console) -> None:
    columns = (
        TextColumn("points"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("points", total=count.total, completed=count.already)
        while not ended.wait(INTERVAL):
            progress.update(task, completed=count.look())
        progress.update(task, completed=count.look())


def _lines(count: _Count, ended: threading.Event, console: Console) -> None:
    told = -1
    while not ended.wait(INTERVAL):
        done = count.look()
        left = count.seconds_left(done)
        if done * LINES // count.total > told and left is not None:
            told = done * LINES // count.total
            console.print(f"{done} of {count.total} points done, about {left:.0f} s left")
