"""Infinite width: what ladders of virtual widths say, and whether the number of neurons matters to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.stats import ladder
from analysis.stats.boundary import Boundary
from analysis.stats.collapse import collapse, failing, verdicts
from analysis.stats.exponents import Exponents, blocks, named, predicted, regimes_predicted
from analysis.stats.intervals import Interval
from analysis.stats.regimes import measured, order_parameter
from analysis.tables.made import made
from analysis.tables.places import point
from condense.theory import behind

__all__ = ["Infinite", "infinite_width", "main_runs", "measured_runs"]


@dataclass(frozen=True)
class Infinite:
    """The results of the virtual widths of a setting.

    Attributes:
        runs: The runs by the largest number of neurons of each plane point, which are measured.
        tests: The runs by the other numbers.
        first: The exponents between the first two rungs, as `analysis.stats.exponents.Exponents` gives them.
        first_boundary: Their zeros along each row.
        exponents: S at infinite width of each block with its interval, whether it has settled and why not, a row a
            plane point.
        boundary: The zeros of the last slopes along each row of the plane.
        zero_line: The zeros of the slopes between all neighbouring rungs.
        collapse: The other numbers of neurons against the largest, a row a plane point, width and number.
        verdicts: What these tests say together, a row a number.
    """

    runs: pd.DataFrame
    tests: pd.DataFrame
    first: pd.DataFrame
    first_boundary: pd.DataFrame
    exponents: pd.DataFrame
    boundary: pd.DataFrame
    zero_line: pd.DataFrame
    collapse: pd.DataFrame
    verdicts: pd.DataFrame


def main_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the real runs, or if there are none the virtual ones by the largest number of neurons."""
    real = runs[~runs["virtual"]].reset_index(drop=True)
    return real if len(real) or runs.empty else measured_runs(runs)


def measured_runs(virtual: pd.DataFrame) -> pd.DataFrame:
    """Return the runs by the largest number of neurons of their plane point."""
    return virtual[_measured(virtual)].reset_index(drop=True)


def _measured(virtual: pd.DataFrame) -> pd.Series[bool]:
    most: pd.Series[int] = virtual.groupby(point(virtual))["neurons"].transform("max")
    return virtual["neurons"] == most


def infinite_width(virtual: pd.DataFrame, interval: Interval) -> Infinite:
    """Return what the virtual runs of one setting say of infinite width."""
    runs = measured_runs(virtual)
    block = order_parameter(blocks(virtual))
    boundary = Boundary(interval, block, behind(virtual))
    slopes = ladder.rung_slopes(runs, block)
    compared = collapse(virtual, block)
    rungs = np.sort(runs["width"].unique())[:2]
    first = runs[runs["width"].isin(rungs)]
    return Infinite(
        runs=runs,
        tests=virtual[~_measured(virtual)].reset_index(drop=True),
        first=Exponents(interval)(first),
        first_boundary=boundary(ladder.last_slopes(ladder.rung_slopes(first, block))),
        exponents=_exponents(runs, compared, interval, block),
        boundary=boundary(ladder.last_slopes(slopes)),
        zero_line=ladder.zero_line(slopes, boundary).assign(theory=boundary.theory.name, **made(virtual)),
        collapse=compared,
        verdicts=verdicts(virtual, compared, block, interval.level),
    )


def _exponents(runs: pd.DataFrame, compared: pd.DataFrame, interval: Interval, block: str) -> pd.DataFrame:
    """Return the table of `infinite.csv`; a point without a slope has a row too."""
    points = runs.groupby(point(runs)).size().index
    known = {
        name: ladder.limit(ladder.rung_slopes(runs, name), interval).reindex(points) for name in blocks(runs) or [block]
    }
    slopes = [named(table, name) for name, table in known.items()]
    found = known[block][["width_low", "width_high", "rungs", "change", "reach", "seeds", "method", "reason"]]
    tested = failing(compared).reindex(points)
    fails = tested["fails"].eq(True) & found["reason"].eq("")
    reason = found["reason"].fillna("no slope: fewer than two rungs").mask(fails, "the number of neurons matters")
    found = found.assign(
        rungs=found["rungs"].fillna(0).astype(int),
        seeds=found["seeds"].fillna(0).astype(int),
        method=found["method"].fillna("none"),
        refused=ladder.refused(runs),
        settled=reason.eq(""),
        reason=reason,
        collapse_z=tested["collapse_z"],
        level=interval.level,
        regime=_regimes(known[block], reason.eq("")),
    )
    held = behind(runs)
    parts = [*slopes, predicted(points, held, known), found, regimes_predicted(points, held, block)]
    return pd.concat(parts, axis=1).assign(**made(runs)).reset_index()


def _regimes(table: pd.DataFrame, settled: pd.Series[bool]) -> pd.Series[str]:
    """Return the regimes by the intervals; where one contains 0 and has not settled it is undetermined."""
    found = measured(table["low"], table["high"])
    return found.mask(found.eq("critical") & ~settled, "undetermined")
