"""The records below a folder: their files, and all of them as one table, `condense.load`."""

from __future__ import annotations

import functools
import json
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condense import records

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Loaded", "load", "loaded", "swept_keys"]

MANIFEST = "sweep.json"
"""Of a sweep: what its jobs share, and the keys that vary besides the place on the plane."""

OF_RUNS = ("widths", "seeds", "virtual.widths", "virtual.neurons")
"""Keys whose values are columns of every record: width, seed, neurons."""

CONFIG = ".hydra/config.yaml"
"""The whole config of one job."""


@dataclass(frozen=True)
class Loaded:
    """The records below a folder.

    Attributes:
        runs: A row a run. Keys that a sweep varies besides the place on the plane are columns, `flow.rate` say.
        swept: These keys.
        files: The file that each row is from.
        complaints: What is wrong with the files that could not be read.
    """

    runs: pd.DataFrame
    swept: tuple[str, ...]
    files: Sequence[Path]
    complaints: Sequence[str]


def load(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the records below a folder: that of a sweep, of `simulate(folder=...)` or of a single run.

    A row is a run; of those with one key the last is kept. The columns are `condense.records.COLUMNS`; the keys that a
    sweep varies, `flow.rate` say; and `job`, the folder of the run's job relative to the one given. Files that cannot
    be read are left out, with a warning for each.

    Raises:
        RecordsError: the folder is missing, or there is no record below it that can be read.
    """
    folder = Path(folder)
    found = loaded(folder)
    for complaint in found.complaints:
        warnings.warn(complaint, stacklevel=2)
    jobs = [str(path.parent.relative_to(folder)) for path in found.files]
    return found.runs.assign(job=jobs).drop_duplicates("key", keep="last", ignore_index=True)


def loaded(folder: Path, but: Path | None = None) -> Loaded:
    """Return the records below a folder, outside another if one is named.

    Raises:
        RecordsError: the folder is missing, or there is no record below it that can be read.
    """
    import pandas as pd

    tables, complaints = _readable(folder, _files_below(folder, but))
    runs = pd.concat(records.frames(tables.values()), ignore_index=True)
    keys = functools.cache(swept_keys)
    values = {path: _swept_values(path.parent, folder, keys) for path in tables}
    swept = tuple(dict.fromkeys(key for mine in values.values() for key in mine if key not in records.COLUMNS))
    rows = [path for path, table in tables.items() for _ in range(len(table))]
    columns = {key: [values[path].get(key) for path in rows] for key in swept}
    beside = pd.DataFrame(columns, index=runs.index)
    return Loaded(pd.concat([runs, beside], axis=1), swept, rows, complaints)


def swept_keys(folder: Path) -> tuple[str, ...]:
    """Return the keys that the sweep of a folder varies besides the place; none if it is no sweep's.

    A damaged manifest has none: whoever needs what it says besides tells of the damage.
    """
    try:
        return tuple(map(str, json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["swept"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _swept_values(job: Path, top: Path, keys_of: Callable[[Path], tuple[str, ...]]) -> dict[str, Any]:
    """Return the values that a job has for the keys its sweep varies: numbers, or texts."""
    folders = [job, *job.parents][: len(job.relative_to(top).parts) + 2]  # the folder above the one given may be it
    keys = next((keys for folder in folders if (keys := keys_of(folder))), ())
    if not keys or not (job / CONFIG).exists():
        return {}
    import yaml

    config = yaml.load((job / CONFIG).read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    values = {key: _at(config, key) for key in keys if key not in OF_RUNS}
    return {key: _plain(value) for key, value in values.items() if not isinstance(value, dict)}


def _at(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)


def _files_below(folder: Path, but: Path | None) -> list[Path]:
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


def _readable(folder: Path, files: Iterable[Path]) -> tuple[dict[Path, pa.Table], list[str]]:
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
