"""Records: what a run logged, one row a run, and the file `runs.parquet` that holds the rows of a job.

No torch here: the analysis reads this module too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["COLUMNS", "FILE", "STATUSES", "RecordsError", "empty", "frame", "read", "relative_changes", "write"]

FILE = "runs.parquet"

STATUSES = ("converged", "max_steps", "stalled", "nonfinite", "failed")
"""How a run ended: below its stop; out of steps; no way down; not a finite number; its job raised an error."""

COLUMNS: Mapping[str, str] = {
    # which run
    "key": "str",  # hash of the science config and the run's width and seed
    "setting": "str",  # hash of the science config without the place on the plane
    "initialisation": "str",  # plane, ntk, mean_field, xavier, he, lecun, or alpha=..,beta1=..,beta2=..
    "gamma": "float64",
    "gamma_prime": "float64",
    "width": "float64",  # m of science: what the exponents refer to
    "neurons": "int64",  # m of one copy as computed
    "seed": "int64",
    "kappa": "float64",
    "kappa_prime": "float64",
    "beta1": "float64",
    "beta2": "float64",
    "alpha": "float64",
    "antisymmetric": "bool",
    "network": "str",
    "activation": "str",
    "data": "str",
    "flow": "str",
    "rtol": "float64",
    # what was measured, at the end of training and as the largest value on the way (_sup)
    "rd_w": "float64",
    "rd_a": "float64",
    "rd_theta": "float64",
    "rd_w_sup": "float64",
    "rd_a_sup": "float64",
    "rd_theta_sup": "float64",
    "clusters": "Int64",
    "clusters_initial": "Int64",
    "clusters_capped": "boolean",
    "lines": "Int64",
    "two_direction_share": "float64",
    "two_direction_share_initial": "float64",
    "mean_abs_cosine": "float64",
    "mse_initial": "float64",  # (1/n) sum e^2, no 1/2
    "mse_final": "float64",
    # how it went
    "converged": "bool",
    "status": "str",
    "steps": "int64",
    "time": "float64",  # in the flow's clock, see condense.flows
    "wall_seconds": "float64",  # this run's share of its batch, by steps
    # provenance
    "version": "str",
    "commit": "str",
    "dirty": "boolean",
    "torch": "str",
    "device": "str",
    "dtype": "str",
    "error": "str",  # why the job raised; empty otherwise
}
"""The columns every records file has, in order, with their pandas dtypes; a user's network adds rd_<block>."""

NEEDED = ("key", "gamma", "gamma_prime", "width", "seed", "status", "converged")
"""Without these a file holds no records; a column that came later is missing in older files."""

_MISSING: Mapping[str, object] = {
    "str": "",
    "float64": float("nan"),
    "Int64": pd.NA,
    "boolean": pd.NA,
    "int64": 0,
    "bool": False,
}


class RecordsError(ValueError):
    """A records file that cannot be used: missing, empty, half-written or without the columns of a record."""


def relative_changes(columns: pd.Index | list[str]) -> list[str]:
    """Return the blocks whose relative change is logged, in order: "w" for a column rd_w, and so on.

    >>> relative_changes(["rd_w", "rd_w_sup", "seed", "rd_theta"])
    ['w', 'theta']
    """
    return [name[3:] for name in columns if name.startswith("rd_") and not name.endswith("_sup")]


def frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return rows as a table with every column of a record; what a row lacks is missing, never guessed."""
    extra = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    kinds: dict[str, Any] = {**COLUMNS, **dict.fromkeys(extra, "float64")}
    return pd.DataFrame(
        {
            name: pd.Series(
                [_present(row.get(name), dtype) for row in rows], dtype="object" if dtype == "str" else dtype
            )
            for name, dtype in kinds.items()
        }
    )


def _present(value: object, dtype: str) -> object:
    return _MISSING[dtype] if value is None else value


def empty() -> pd.DataFrame:
    """Return a table of records without a row."""
    return frame([])


def write(table: pd.DataFrame, path: Path) -> None:
    """Write records atomically: readers see the old file or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        table.to_parquet(unfinished, index=False)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def read(path: Path) -> pd.DataFrame:
    """Return the records of a file.

    Raises:
        RecordsError: the file is missing, empty, half-written or lacks columns of a record.
    """
    if not path.is_file():
        raise RecordsError(f"{path}: no such records file")
    if path.stat().st_size == 0:
        raise RecordsError(f"{path}: the records file is empty")
    try:
        table = pd.read_parquet(path)
    except Exception as error:  # pyarrow raises a dozen kinds for a damaged file
        raise RecordsError(f"{path}: not a readable records file, half-written perhaps ({error})") from error
    absent = [name for name in NEEDED if name not in table]
    if absent:
        raise RecordsError(f"{path}: not a records file of condense, it has no column {', '.join(absent)}")
    later = [name for name in COLUMNS if name not in table]
    return frame(table.to_dict("records")) if later else table  # type: ignore[arg-type]
