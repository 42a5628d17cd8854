"""Collecting: every record below a sweep folder as one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.tables.names import plain_name
from analysis.tables.places import all_axes
from condense import records
from condense.loading import loaded

__all__ = ["OUTPUT", "Collection", "SweepError", "collect"]

OUTPUT = "analysis"
"""The folder below a sweep that the analysis writes to, and never reads."""

_ADVICE = (
    f"a sweep folder holds a {records.FILE} per plane point, each in a sub-folder of its own; "
    "make one with: python -m condense -m experiment=quickstart"
)


class SweepError(ValueError):
    """A folder that cannot be analysed: it is missing, is no sweep, or has no readable record."""


@dataclass(frozen=True)
class Collection:
    """The records of a sweep.

    Attributes:
        runs: A row a run.
        swept: The columns of keys that vary besides the place on the plane, flow.rate say.
        skipped: The files that could not be read, with the reason.
        notes: What else a reader must know.
        folders: Those of the jobs.
    """

    runs: pd.DataFrame
    swept: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()


def collect(folder: Path | str) -> Collection:
    """Return all records below a folder, outside its `analysis` folder, in the order of their paths.

    A file that cannot be read is skipped and named. Of runs with one key the last is kept.

    Raises:
        SweepError: the folder does not exist, has no records file below it, or none with a readable row.
    """
    folder = Path(folder)
    try:
        found = loaded(folder, but=folder / OUTPUT)
    except records.RecordsError as error:
        what, *complaints = str(error).splitlines()
        raise SweepError("\n".join([f"{what}; {_ADVICE}", *complaints])) from error
    runs, renamed = _plainly_named(found.runs)
    rounded = _rounded(runs)
    alike = _places(runs) - _places(rounded)
    runs, notes = _unique(rounded)
    if runs.empty:
        raise SweepError("\n".join([f"{folder}: no record in it can be used; {_ADVICE}", *notes, *found.complaints]))
    if alike:
        notes.append(f"{alike} places are less than 1e-9 away from another and are taken for it")
    folders = tuple(dict.fromkeys(file.parent for file in found.files))
    return Collection(runs, found.swept, tuple(found.complaints), (*renamed, *notes), folders)


def _plainly_named(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Rename blocks whose names cannot be part of those of files and formulas."""
    odd = {block: plain for block in records.relative_changes(runs.columns) if (plain := plain_name(block)) != block}
    columns = {f"rd_{block}{end}": f"rd_{plain}{end}" for block, plain in odd.items() for end in ("", "_sup")}
    notes = [
        f"the block {block!r} is called {plain} here, its name cannot be part of files'" for block, plain in odd.items()
    ]
    return runs.rename(columns=columns), notes


def _rounded(runs: pd.DataFrame) -> pd.DataFrame:
    """Merge places that differ by rounding only, such as .1 + .2 and .3."""
    names = [name for place in all_axes(runs) for name in place]
    return runs.assign(**{name: runs[name].round(9) + 0.0 for name in names})


def _places(runs: pd.DataFrame) -> int:
    names = [name for place in all_axes(runs) for name in place]
    return len(runs[["initialisation", *names]].drop_duplicates())


def _unique(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    notes: list[str] = []
    again = runs.duplicated("key", keep="last") & (runs["key"] != "")
    if again.any():
        notes.append(f"{again.sum()} runs are there more than once (same key); the last of each is used")
    runs = runs[~again]
    planes = all_axes(runs)
    place = np.logical_or.reduce([runs[names].abs().lt(np.inf).all(axis=1) for names in planes])
    there = place & runs["width"].between(0, np.inf, inclusive="neither")
    if not there.all():
        names = " or ".join(f"({', '.join(each)})" for each in planes)
        told = f"have no place on the plane {names} or no width, a number above 0, and are left out"
        notes.append(f"{(~there).sum()} rows {told}")
    return runs[there].reset_index(drop=True), notes
