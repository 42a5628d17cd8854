"""Records: what a run logged, one row a run, and the file `runs.parquet` that holds the rows of a job.

No torch here: the analysis reads this module too. And pandas only where a table is made: planning a sweep and telling
how it stands take less time than its import.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from condense.planes import PLANES, two_layer
from durable import files

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COLUMNS",
    "FILE",
    "SNAPSHOTS",
    "STATUSES",
    "RecordsError",
    "arrow",
    "empty",
    "frame",
    "frames",
    "held",
    "load",
    "read",
]
__all__ += ["curves", "relative_changes", "with_file", "write"]

FILE = "runs.parquet"

SNAPSHOTS = "snapshots"
"""The folder below that of a job in which its runs keep their weights on their way, an npz a moment."""

STATUSES = ("converged", "trained", "max_steps", "stalled", "nonfinite", "failed")
"""How a run ended: below its stop; after all its steps, where no stop was asked for; out of steps; no way down; not a
finite number; its job raised an error."""

COLUMNS: Mapping[str, str] = {
    # which run
    "key": "str",  # hash of the science config and the run's width and seed
    "setting": "str",  # hash of the science config without the place on the plane
    "initialisation": "str",  # plane, ntk, mean_field, xavier, he, lecun, or alpha=..,beta1=..,beta2=..
    **dict.fromkeys(two_layer.PLANE.columns, "float64"),  # NaN for runs on another plane, which add its coordinates
    "width": "float64",  # m of science: what the exponents refer to
    "neurons": "int64",  # m of one copy as computed
    "virtual": "bool",  # whether these neurons stand for a width that is another
    "seed": "int64",
    "kappa": "float64",
    "kappa_prime": "float64",
    "beta1": "float64",
    "beta2": "float64",
    "alpha": "float64",
    "antisymmetric": "bool",
    "network": "str",
    "activation": "str",
    "keep": "float64",  # probability that dropout keeps a neuron; 1 without dropout
    "data": "str",
    "flow": "str",
    "rtol": "float64",
    "stop": "float64",  # the mean square residual below which a run has converged, no 1/2
    # what was measured, at the end of training and as the largest value on the way (_sup)
    "rd_w": "float64",
    "rd_a": "float64",
    "rd_theta": "float64",
    "rd_w_sup": "float64",
    "rd_a_sup": "float64",
    "rd_theta_sup": "float64",
    "clusters": "Int64",
    "clusters_initial": "Int64",
    "clusters_capped": "boolean",  # there are more: the count stopped at measure.clusters_max
    "clusters_initial_capped": "boolean",
    "clusters_exact": "boolean",  # every neuron was tried as a centre; if not, it is about the count of the rule
    "clusters_initial_exact": "boolean",
    "lines": "Int64",
    "two_direction_share": "float64",
    "two_direction_share_initial": "float64",
    "mean_abs_cosine": "float64",
    "effective_width": "Int64",  # neurons left when those that condensed are merged, see condense.measure.reduction
    "reduction_error": "float64",  # the relative change of the output on the data by that
    "mse_initial": "float64",  # (1/n) sum e^2, no 1/2
    "mse_final": "float64",
    # how it went
    "converged": "bool",  # whether it came to the end that was asked for: "converged", "trained"
    "status": "str",
    "steps": "int64",
    "time": "float64",  # in the flow's clock, see condense.flows
    "wall_seconds": "float64",  # this run's share of the time of its batches, interrupted ones included
    # provenance
    "version": "str",
    "commit": "str",
    "dirty": "boolean",
    "code": "str",  # the user's own code, mynet.Net@3f2a9c0d1e4b, by the hash of its source; empty without
    "torch": "str",
    "device": "str",
    "dtype": "str",
    "host": "str",  # the machine it was computed on
    "attempt": "Int64",  # 1 if the work was started once
    "error": "str",  # why the job raised; empty otherwise
}
"""The columns every records file has, in order, with their pandas dtypes; a user's network adds rd_<block>."""

CURVE = "curve"
"""A column of runs that were looked at on their way: what was measured, a struct a moment. See `curves`."""

FURTHER: Mapping[str, str] = {
    CURVE: "object",
    "clusters_unweighted_capped": "boolean",
    "clusters_unweighted_exact": "boolean",
}
"""Columns that are there if they were asked for, with their pandas dtypes; numbers not named here are float64."""

MEASURED = tuple(COLUMNS)[tuple(COLUMNS).index("rd_w") : tuple(COLUMNS).index("version")]
"""The columns that say how a run ended, not which it was."""

NEEDED = ("key", *two_layer.PLANE.columns, "width", "seed", "status", "converged")
"""Without these a file holds no records; a column that came later is missing in older files."""

_MISSING: Mapping[str, object] = {
    "str": "",
    "float64": float("nan"),
    "Int64": None,
    "boolean": None,
    "int64": 0,
    "bool": False,
    "object": None,
}

_ARROW: Mapping[str, pa.DataType] = {
    "str": pa.string(),
    "float64": pa.float64(),
    "Int64": pa.int64(),
    "boolean": pa.bool_(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
}


class RecordsError(ValueError):
    """A records file that cannot be used: missing, empty, half-written or without the columns of a record."""


def relative_changes(columns: pd.Index | list[str]) -> list[str]:
    """Return the blocks whose relative change is logged, in order: "w" for a column rd_w, and so on.

    >>> relative_changes(["rd_w", "rd_w_sup", "seed", "rd_theta"])
    ['w', 'theta']
    """
    beside = {f"{name}_sup" for name in columns}
    return [name[3:] for name in columns if name.startswith("rd_") and name not in beside]


def matrices(columns: pd.Index | list[str]) -> list[str]:
    """Return the matrices of modules whose rows were covered, in order: "0.weight" for clusters_0.weight.

    >>> matrices(["clusters_0.weight", "clusters_initial_exact_0.weight", "clusters_initial_exact"])
    ['0.weight']
    """
    start = "clusters_initial_exact_"
    return [name.removeprefix(start) for name in columns if name.startswith(start)]


def frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return rows as a table with every column of a record; what a row lacks is missing, never guessed."""
    import pandas as pd

    extra = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    kinds: dict[str, Any] = {**COLUMNS, **{name: _extra_kind(name, rows) for name in extra}}
    return pd.DataFrame(
        {
            name: pd.Series(
                [_present(row.get(name), dtype) for row in rows], dtype="object" if dtype == "str" else dtype
            )
            for name, dtype in kinds.items()
        }
    )


def _extra_kind(name: str, rows: list[dict[str, object]]) -> str:
    numbers = all(isinstance(row.get(name), Number | None) for row in rows)
    return FURTHER.get(name) or ("float64" if numbers else "object")


def _present(value: object, dtype: str) -> object:
    return _MISSING[dtype] if value is None else value


def empty() -> pd.DataFrame:
    """Return a table of records without a row."""
    return frame([])


def arrow(rows: list[dict[str, object]]) -> pa.Table:
    """Return rows as a table of pyarrow: converted once, it is cut into the parts of many files for little."""
    return pa.Table.from_pandas(frame(rows), preserve_index=False)


def curves(runs: pd.DataFrame) -> pd.DataFrame:
    """Return what was measured of runs on their way, a row a moment, with the columns that say which run it was.

    Steps, times and mean square residuals are those of the moment; runs that were not looked at have no rows.
    """
    import pandas as pd

    if CURVE not in runs:
        return pd.DataFrame(columns=["key", "step", "time", "mse"])
    looked = runs[runs[CURVE].notna()]
    coordinates = dict.fromkeys(column for plane in PLANES.values() for column in plane.columns)
    which = [name for name in {**COLUMNS, **coordinates} if name in looked and name not in MEASURED]
    rows = [
        {**about, **moment}
        for about, curve in zip(looked[which].to_dict("records"), looked[CURVE], strict=True)
        for moment in curve
    ]
    return pd.DataFrame(rows, columns=None if rows else [*which, "step", "time", "mse"])


def write(table: pd.DataFrame | pa.Table, path: Path) -> None:
    """Write records atomically: readers see the old file or the new one, never a half."""
    if not isinstance(table, pa.Table):
        table = pa.Table.from_pandas(table, preserve_index=False)
    with files.replacing(path) as unfinished:
        pq.write_table(table, unfinished, write_statistics=False)


def with_file(new: pa.Table, path: Path) -> pa.Table:
    """Return what a file holds with new records in place of those of the same runs.

    Raises:
        RecordsError: the file cannot be used.
    """
    try:
        old = pq.ParquetFile(path).read(use_threads=False)
    except MemoryError:
        raise
    except (OSError, pa.ArrowException) as error:
        if getattr(error, "errno", None):  # the file system is in trouble, not the file
            raise
        raise RecordsError(f"{path}: not a readable records file ({error})") from error
    if not old.schema.equals(new.schema):  # from before a column was added, say: columns are matched by pandas
        rows = [*read(path).to_dict("records"), *new.to_pandas().to_dict("records")]
        old, new = (table := arrow(rows)).slice(0, len(old)), table.slice(len(old))
    again = pc.is_in(old["key"], new["key"].combine_chunks())
    return pa.concat_tables([old.filter(pc.invert(again)), new])


def held(path: Path) -> dict[str, tuple[str, str]]:
    """Return how every run of a file ended and the code it comes from, "0.1.0 7ae49b8 dirty" say, by key.

    A file that is missing or damaged holds nothing; a damaged one is told by a warning.
    """
    if not path.exists():
        return {}
    names = ["key", "status", "version", "commit", "dirty"]
    try:
        columns = pq.ParquetFile(path).read(columns=names, use_threads=False).to_pydict()
        origins = map(_origin, columns["version"], columns["commit"], columns["dirty"])
        return dict(zip(columns["key"], zip(columns["status"], origins, strict=True), strict=True))
    except MemoryError:
        raise
    except (OSError, pa.ArrowException, KeyError) as error:
        if getattr(error, "errno", None):  # the file system is in trouble, not the file
            raise
        warnings.warn(f"{path} is damaged: its runs are computed again", stacklevel=2)
        return {}


def _origin(version: str, commit: str | None, dirty: bool | None) -> str:
    return " ".join(part for part in (version, (commit or "")[:7], "dirty" if dirty else "") if part)


def read(path: Path) -> pd.DataFrame:
    """Return the records of a file.

    Raises:
        RecordsError: the file is missing, empty, half-written or lacks columns of a record.
    """
    [table] = frames([load(path)])
    return table


def frames(tables: Iterable[pa.Table]) -> Iterator[pd.DataFrame]:
    """Return tables of pyarrow as those of pandas, neighbours with the same columns as one: what is slow is each."""
    for _, alike in groupby(tables, key=lambda table: (table.schema, table.schema.metadata)):
        table = pa.concat_tables(alike).to_pandas()
        later = [name for name in COLUMNS if name not in table]
        yield frame(table.to_dict("records")) if later else table


def load(path: Path) -> pa.Table:
    """Return the records of a file as a table of pyarrow.

    Raises:
        RecordsError: the file is missing, empty, half-written or lacks columns of a record.
    """
    if not path.is_file():
        raise RecordsError(f"{path}: no such records file")
    if path.stat().st_size == 0:
        raise RecordsError(f"{path}: the records file is empty")
    try:
        table = pq.ParquetFile(path).read(use_threads=False)
    except MemoryError:
        raise
    except Exception as error:  # pyarrow raises a dozen kinds for a damaged file
        raise RecordsError(f"{path}: not a readable records file, half-written perhaps ({error})") from error
    absent = [name for name in NEEDED if name not in table.column_names]
    if absent:
        raise RecordsError(f"{path}: not a records file of condense, it has no column {', '.join(absent)}")
    return _as_recorded(table, path)


def _as_recorded(table: pa.Table, path: Path) -> pa.Table:
    """Return a table whose columns are of the kinds of a record, which those of an edited file may not be."""
    columns = dict(zip(table.column_names, table.columns, strict=True))
    checked = {name: _checked(column, name, path) for name, column in columns.items()}
    if all(checked[name] is column for name, column in columns.items()):
        return table
    return arrow(pa.table(checked).to_pylist())


def _checked(column: pa.ChunkedArray, name: str, path: Path) -> pa.ChunkedArray:
    kind = COLUMNS.get(name) or ("float64" if name.startswith("rd_") else "")
    holds = f"{path}: the column {name} holds {column.type}, allowed is"
    if kind and column.type != _ARROW[kind]:
        try:
            column = column.cast(_ARROW[kind])
        except pa.ArrowException as error:
            raise RecordsError(f"{holds} {_ARROW[kind]} ({error})") from error
    if name == CURVE and not (pa.types.is_list(column.type) or column.null_count == len(column)):
        raise RecordsError(f"{holds} a list of moments; leave the column out, or restore the file")
    if column.null_count and kind in ("int64", "bool"):
        row = column.is_null().to_pylist().index(True)
        raise RecordsError(f"{path}: the column {name} has no value in row {row}, counted from 0")
    return column.fill_null("") if column.null_count and kind == "str" else column
