"""What a sweeper that refines a line asks: the value of every plane point of a sweep so far, with its interval."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.stats.exponents import blocks, seed_slopes
from analysis.stats.infinite import main_runs
from analysis.stats.intervals import Interval
from analysis.tables.collect import SweepError, collect
from analysis.tables.configured import configured_level
from analysis.tables.places import axes, plain
from analysis.tables.reductions import widest
from condense import records

__all__ = ["observe"]

EXPONENT = "S_"


def observe(folder: Path | str, column: str = "S_w") -> pd.DataFrame:
    """Return the value of a column at every plane point of a sweep, from the runs that are there.

    Args:
        folder: the sweep's; without records in it, or not there, the table is empty.
        column: an exponent, S_w, S_a, S_theta or S_ and a block of your own network; or a number that is logged with
            every run, such as clusters: then of the converged runs at the largest width.

    Returns:
        the coordinates of the plane (gamma, gamma_prime), value (the mean over seeds), low and high (its interval, at
        the sweep's level; NaN for one seed) and repeats (the seeds that it comes from; 0 and no value where no run
        counts).

    Raises:
        ValueError: the column is neither, or the folder mixes several settings.
    """
    try:
        runs = collect(folder).runs
    except SweepError:
        runs = records.empty()
    _check(column, runs)
    runs = main_runs(runs[plain(runs)])
    if len(runs["setting"].dropna().unique()) > 1:
        raise ValueError(
            f"{folder} mixes several settings: a line is refined in a folder of its own, hydra.sweep.dir=.."
        )
    place = axes(runs)
    table = _by_seed(runs, column).reindex(runs.groupby(place).size().index)
    found = Interval(configured_level(folder))(table).rename(columns={"seeds": "repeats"})
    return found.reset_index()[[*place, "value", "low", "high", "repeats"]].astype(float)


def _check(column: str, runs: pd.DataFrame) -> None:
    """Raise ValueError for a column that these runs, or runs to come, do not have."""
    exponents = [EXPONENT + block for block in (blocks(runs) or ["w", "a", "theta"])]
    measured = [name for name in records.MEASURED if records.COLUMNS[name] in ("float64", "int64", "Int64")]
    own = len(runs) == 0 and column.startswith((EXPONENT, "rd_"))  # of a network of the user's own
    if not own and column not in (*exponents, *measured, *runs.select_dtypes("number")):
        raise ValueError(
            f"hydra.sweeper.column = {column!r} is not allowed: {', '.join(exponents)}, or a number logged with "
            f"every run, such as {', '.join(measured)}"
        )


def _by_seed(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the value of each seed, points by seeds."""
    if runs.empty:  # they need not have the column
        return pd.DataFrame(index=runs.set_index(axes(runs)).index, dtype=float)
    if column.startswith(EXPONENT):
        return seed_slopes(runs, column.removeprefix(EXPONENT), axes(runs))
    return widest(runs[runs["converged"]]).pivot_table(column, axes(runs), "seed", aggfunc="last").astype(float)
