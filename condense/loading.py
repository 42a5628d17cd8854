"""The records below a folder: their files, and all of them as one table, `condense.load`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from condense import records

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["files_below", "load", "readable"]


def load(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the records below a folder: that of a sweep, of `simulate(folder=...)` or of a single run.

    A row is a run; of those with one key the last is kept. The columns are `condense.records.COLUMNS` and `job`, the
    folder of the run's job relative to the one given: its name tells the settings that have no column. Files that
    cannot be read are left out, with a warning for each.

    Raises:
        RecordsError: the folder is missing, or there is no record below it that can be read.
    """
    import pandas as pd

    folder = Path(folder)
    tables, complaints = readable(folder, files_below(folder))
    for complaint in complaints:
        warnings.warn(complaint, stacklevel=2)
    jobs = [str(path.parent.relative_to(folder)) for path, table in tables.items() for _ in range(len(table))]
    runs = pd.concat(records.frames(tables.values()), ignore_index=True).assign(job=jobs)
    return runs.drop_duplicates("key", keep="last", ignore_index=True)


def files_below(folder: Path, but: Path | None = None) -> list[Path]:
    """Return the records files below a folder, outside another if one is named.

    Raises:
        RecordsError: the folder does not exist, or has none.
    """
    if not os.path.isdir(folder):  # Path.is_dir raises for names that are too long
        raise records.RecordsError(f"{folder}: {'not a' if os.path.exists(folder) else 'no such'} folder")
    files = sorted(path for path in folder.rglob(records.FILE) if but not in path.parents)
    if not files:
        raise records.RecordsError(f"{folder}: not a sweep folder, there is no {records.FILE} below it")
    return files


def readable(folder: Path, files: Iterable[Path]) -> tuple[dict[Path, pa.Table], list[str]]:
    """Return the tables of a folder's files that can be read and have a row, and what is wrong with the others.

    Raises:
        RecordsError: there is no such table.
    """
    tables: dict[Path, pa.Table] = {}
    complaints: list[str] = []
    for path in files:
        try:
            tables[path] = records.load(path)
        except (records.RecordsError, OSError) as error:
            complaints.append(str(error).splitlines()[0])
    tables = {path: table for path, table in tables.items() if len(table)}
    if not tables:
        raise records.RecordsError("\n".join([f"{folder}: no record in it can be read", *complaints]))
    return tables, complaints
