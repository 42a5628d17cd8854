"""Rows on their way to the files of their jobs, gathered so that a file is written seldom."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from condense import records
from condense.records import FILE
from condense.runs.batches import Member
from durable import files

__all__ = ["PATIENCE", "Ledger"]

LOCK_FILE = ".lock"

PATIENCE = 5.0
"""Seconds that rows may wait for others to be written with."""

SHARE = 0.05
"""Of the time at most goes into writing, however many files there are: rows wait longer then."""

TOGETHER = 64
"""Files written at once, each with its lock held."""

Row = dict[str, object]


class Ledger:
    """The rows of runs that have ended and are not on disk yet; a job's folder is found by its number."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._rows: dict[Path, list[tuple[Member, Row]]] = {}
        self._flushed = time.monotonic()
        self._took = 0.0

    def add(self, member: Member, row: Row) -> None:
        """Take the row of a run."""
        self._rows.setdefault(self._folders[member.job], []).append((member, row))

    @property
    def due(self) -> bool:
        """Whether rows have waited for long enough."""
        return bool(self._rows) and time.monotonic() - self._flushed > max(PATIENCE, self._took / SHARE)

    def flush(self) -> list[Member]:
        """Write the rows to the files of their jobs, and return the runs that are on disk now."""
        started = time.monotonic()
        written: list[Member] = []
        for folders in self._alike():
            for first in range(0, len(folders), TOGETHER):
                written += self._write(folders[first : first + TOGETHER])
        self._flushed = time.monotonic()
        self._took = self._flushed - started
        return written

    def _write(self, folders: Sequence[Path]) -> list[Member]:
        """Write the rows of some folders, which have the same columns."""
        pairs = [pair for folder in folders for pair in self._rows[folder]]
        table = records.arrow([row for _, row in pairs])
        with contextlib.ExitStack() as locks, files.together():
            for folder in folders:
                locks.enter_context(files.locked(folder / LOCK_FILE))
                count = len(self._rows[folder])
                merge(folder, table.slice(0, count))
                table = table.slice(count)
        for folder in folders:
            del self._rows[folder]
        return [member for member, _ in pairs]

    def _alike(self) -> list[list[Path]]:
        """Return the folders in groups whose rows have the same columns, in order: locks are never taken crosswise."""
        groups: dict[frozenset[str], list[Path]] = {}
        for folder in sorted(self._rows):
            columns = frozenset(name for _, row in self._rows[folder] for name in row if name not in records.COLUMNS)
            groups.setdefault(columns, []).append(folder)
        return list(groups.values())


def merge(folder: Path, new: pa.Table) -> None:
    """Add records to a job's file, in place of records of the same runs. Its lock must be held."""
    path = folder / FILE
    try:
        records.write(records.with_file(new, path) if path.exists() else new, path)
    except records.RecordsError:
        path.rename(path.with_suffix(".damaged"))
        warnings.warn(f"{path} is damaged: its runs are computed again, and it is kept as .damaged", stacklevel=2)
        records.write(new, path)
