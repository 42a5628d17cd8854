"""Rows on their way to the files of their jobs, gathered so that a file is written seldom."""

from __future__ import annotations

import contextlib
import fcntl
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from condense import records
from condense.batches import Wanted
from condense.records import FILE

__all__ = ["PATIENCE", "Ledger"]

LOCK_FILE = ".lock"

PATIENCE = 5.0
"""Seconds that rows may wait for others to be written with."""

SHARE = 0.05
"""Of the time at most goes into writing, however many files there are: rows wait longer then."""

Row = dict[str, object]


class Ledger:
    """The rows of runs that have ended and are not on disk yet; a job's folder is found by its number."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._rows: dict[int, list[tuple[Wanted, Row]]] = {}
        self._flushed = time.monotonic()
        self._took = 0.0

    def add(self, run: Wanted, row: Row) -> None:
        """Take the row of a run."""
        self._rows.setdefault(run.job, []).append((run, row))

    @property
    def due(self) -> bool:
        """Whether rows have waited for long enough."""
        return bool(self._rows) and time.monotonic() - self._flushed > max(PATIENCE, self._took / SHARE)

    def flush(self) -> list[Wanted]:
        """Write the rows to the files of their jobs, and return the runs that are on disk now."""
        started = time.monotonic()
        written: list[Wanted] = []
        for jobs in self._alike():
            table = records.arrow([row for job in jobs for _, row in self._rows[job]])
            for job in jobs:
                runs = [run for run, _ in self._rows[job]]
                merge(self._folders[job], table.slice(0, len(runs)))
                table = table.slice(len(runs))
                written += runs
                del self._rows[job]
        self._flushed = time.monotonic()
        self._took = self._flushed - started
        return written

    def _alike(self) -> list[list[int]]:
        """Return the jobs in groups whose rows have the same columns."""
        groups: dict[frozenset[str], list[int]] = {}
        for job, rows in self._rows.items():
            columns = frozenset(name for _, row in rows for name in row if name not in records.COLUMNS)
            groups.setdefault(columns, []).append(job)
        return list(groups.values())


def merge(folder: Path, new: pa.Table) -> None:
    """Add records to a job's file, in place of records of the same runs, beside what other processes add."""
    path = folder / FILE
    with _locked(folder):
        try:
            records.write(records.with_file(new, path) if path.exists() else new, path)
        except records.RecordsError:
            path.rename(path.with_suffix(".damaged"))
            warnings.warn(f"{path} is damaged: its runs are computed again, and it is kept as .damaged", stacklevel=2)
            records.write(new, path)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
