"""Ladders of widths: the slopes between neighbouring rungs, where they tend to, and whether they have settled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.stats.boundary import Boundary
from analysis.stats.exponents import in_pairs, seed_slopes
from analysis.stats.intervals import Interval
from analysis.tables.places import axes, plane_of, point

__all__ = ["climbed", "last_slopes", "limit", "refused", "rung_slopes", "zero_line"]

_PAIR = ["width_low", "width_high"]

ON_LINE = 1e-9
"""A distance in the plane below this is rounding."""

MOVED = 0.01
"""A slope that changed by more than this in the last step has not settled."""

STILL = 0.001
"""A slope that changed by less than this in the last step has, however it got there."""

SLOWING = 0.5
"""In between the change for each decade of width must have fallen to this share of that in the step before."""

DECIDED = 20.0
"""How far from 1 kappa m, kappa', their product and their quotient have to be on the last rung, unless they are 1.

The flow knows kappa m and kappa' alone. While one of the four, m^(+-c) with a small c, is near 1, a slope rests for
decades at what holds where it is 1, and then moves by c or less.
"""

RUNGS = 4
"""Rungs without which nothing is said of the limit: three slopes, two changes."""


def climbed(runs: pd.DataFrame, by: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the converged runs of each plane point below the first rung at which a run did not converge."""
    groups = [runs[name] for name in by or point(runs)]
    first = runs[["width"]].where(~runs["converged"]).groupby(groups)["width"].transform("min")
    return runs[runs["width"] < first.fillna(np.inf)]


def refused(runs: pd.DataFrame) -> pd.Series[str]:
    """Return for each plane point the rung that ended its ladder and why, "" where none did.

    "1e+20: 2 of 4 runs stalled", say: what lies above is not used either.
    """
    texts = {}
    for place, ladder in runs.groupby(point(runs)):
        lost = ladder[~ladder["converged"]]
        rung = ladder[ladder["width"] == lost["width"].min()]
        statuses = " and ".join(sorted(rung.loc[~rung["converged"], "status"].unique()))
        told = f"{rung['width'].max():g}: {(~rung['converged']).sum()} of {len(rung)} runs {statuses}"
        texts[place] = told if len(lost) else ""
    return pd.Series(texts, dtype=object).rename_axis(point(runs))


def rung_slopes(runs: pd.DataFrame, block: str) -> pd.DataFrame:
    """Return the slope of log RD between neighbouring rungs of each seed: points and pairs of widths by seeds."""
    return seed_slopes(in_pairs(climbed(runs)), block, [*point(runs), *_PAIR])


def last_slopes(slopes: pd.DataFrame) -> pd.DataFrame:
    """Return the last of `rung_slopes` of each point: points by seeds."""
    return slopes.groupby(level=point(slopes)).tail(1).droplevel([*_PAIR])


def limit(slopes: pd.DataFrame, interval: Interval) -> pd.DataFrame:
    """Return what a ladder says of the slope at infinite width, a row a point, given `rung_slopes`.

    The value is the last slope s_K, the mean over seeds, with the interval

        s_K -+ (|s_K - s_(K-1)| + |s_(K-1) - s_(K-2)| + c + half-width over seeds):

    it may still move as far as it did in the last two steps, which covers an approach by a factor up to 1/sqrt(2) a
    step, and turning points; and by the largest distance c to a line of the plane that m^c < `DECIDED` leaves open.
    Columns: value, low, high, seeds, method, width_low, width_high, rungs, change (the last, signed, of the seeds that
    both slopes have), reach (both, without sign, and c) and reason: why it is not settled, "" if it is.
    """
    table, place = interval(slopes), point(slopes)
    low, high = (np.log10(table.index.get_level_values(name).to_numpy(float)) for name in ("width_low", "width_high"))
    middle = pd.Series((low + high) / 2, index=table.index)
    table["change"] = slopes.groupby(level=place).diff().mean(axis=1)
    pace = table["change"].abs() / _step(middle, place)
    before = table["change"].abs().groupby(level=place).shift()
    table["reach"] = table["change"].abs() + before
    table["slowing"] = pace / pace.groupby(level=place).shift()
    table["rungs"] = table.groupby(level=place).cumcount() + 2
    last = table.groupby(level=place).tail(1).reset_index(["width_low", "width_high"])
    near = _undecided(last)
    last["reason"] = _reasons(last, near)
    last["reach"] += near.max(axis=1).fillna(0.0)
    low_high = {"low": last["low"] - last["reach"], "high": last["high"] + last["reach"]}
    return last.assign(**low_high).drop(columns="slowing")


def _step(values: pd.Series[float], place: list[str]) -> pd.Series[float]:
    return values.groupby(level=place).diff()


def _undecided(last: pd.DataFrame) -> pd.DataFrame:
    """Return the distances c of points to the lines where a decisive m^c is 1, NaN where m^c tells, or is 1 itself."""
    places = last.index.to_frame()[axes(last)].to_numpy(float)
    distances = pd.DataFrame([plane_of(last).decisive(*place) for place in places], last.index, dtype=float).abs()
    near = distances.mul(np.log(last["width_high"]), axis=0) < math.log(DECIDED)
    return distances.where(near & (distances > ON_LINE))


def _reasons(last: pd.DataFrame, near: pd.DataFrame) -> pd.Series[str]:
    moved = last["change"].abs()
    needed = np.ceil(math.log10(DECIDED) / near.min(axis=1))
    found: list[tuple[pd.Series[bool], Any]] = [
        (last["rungs"] < RUNGS, f"fewer than {RUNGS} rungs"),
        (last["reach"].isna(), "rungs in a row have no seed in common"),
        (needed.notna(), "too near a line: needs rungs to 1e" + needed.fillna(0).astype(int).astype(str)),
        (moved > MOVED, f"moved by more than {MOVED:g} in the last step"),
        ((moved > STILL) & (last["slowing"] > SLOWING), "does not slow down"),
    ]
    reasons = pd.Series("", index=last.index, dtype=object)
    for holds, text in reversed(found):  # the first that holds is told
        reasons = reasons.mask(holds, text)
    return reasons


def zero_line(slopes: pd.DataFrame, boundary: Boundary) -> pd.DataFrame:
    """Return the zero along x of each row and pair of rungs, by interpolation, a row each, given `rung_slopes`.

    `width` is the geometric mean of the rungs.
    """
    x, y = axes(slopes)
    columns = {f"{x}_local{end}": f"{x}{end}" for end in ("", "_low", "_high")}
    found = []
    for _, pair in slopes.groupby(level=["width_low", "width_high"]):
        ends = {name: float(pair.index.get_level_values(name)[0]) for name in ("width_low", "width_high")}
        table = boundary(pair.droplevel(list(ends))).rename(columns=columns)
        found.append(table.assign(**ends, width=math.sqrt(ends["width_low"] * ends["width_high"])))
    names = [y, "width", "width_low", "width_high", *columns.values(), f"{x}_theory", "level", "seeds"]
    if not found:
        return pd.DataFrame(columns=names, dtype=float)
    return pd.concat(found)[names].sort_values([y, "width"], ignore_index=True)
