"""Exponents: S = d log RD / d log m of each block of parameters at each plane point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from analysis.stats.finite import finite_width
from analysis.stats.intervals import Interval
from analysis.stats.regimes import measured, order_parameter
from analysis.tables.bounds import flags
from analysis.tables.made import made
from analysis.tables.places import point
from analysis.tables.reductions import reductions, widest
from condense import records
from condense.theory import Theory, behind

__all__ = ["Exponents", "LocalSlopes", "blocks", "in_pairs", "named", "predicted", "regimes_predicted"]
__all__ += ["seed_slopes", "side_by_side", "usable"]


def usable(runs: pd.DataFrame, block: str) -> pd.DataFrame:
    """Return the runs an exponent is made of: converged, with a relative change that has a logarithm."""
    change = runs[f"rd_{block}"]
    return runs.loc[runs["converged"] & change.between(0, np.inf, inclusive="neither")]


def blocks(runs: pd.DataFrame) -> list[str]:
    """Return the blocks with a relative change to speak of; of a job that raised there is none."""
    return [block for block in records.relative_changes(runs.columns) if runs[f"rd_{block}"].notna().any()]


def seed_slopes(runs: pd.DataFrame, block: str = "w", by: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the slope of log RD on log m of each seed, by least squares: plane points (or `by`) by seeds.

    slope = sum (x - <x>) y / sum (x - <x>)^2,    x = log m,  y = log RD,    NaN for fewer than two widths.
    """
    runs = usable(runs, block)
    run = [runs[name] for name in [*(point(runs) if by is None else by), "seed"]]
    x, y = np.log(runs["width"]), np.log(runs[f"rd_{block}"])
    x = x - x.groupby(run).transform("mean")
    slope = (x * y).groupby(run).sum() / (x**2).groupby(run).sum()
    slope = slope.where(runs["width"].groupby(run).nunique() >= 2)
    table: pd.DataFrame = slope.unstack("seed").dropna(axis=1, how="all")  # noqa: PD010 (NaN rows stay)
    return table.astype(float)


@dataclass(frozen=True)
class Exponents:
    """The exponents of every plane point with their intervals, predictions and regimes, a row a point.

    S is the mean of the seeds' own slopes, which is the least-squares line through all runs where all
    seeds have the same widths. `seeds` are those that S and its interval are made of; without S, those that converged.
    """

    interval: Interval = field(default_factory=Interval)

    def __call__(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Return the table of `exponents.csv`; a point without an exponent has a row too."""
        points = runs.groupby(point(runs)).size().index
        found = {block: self.interval(seed_slopes(runs, block)).reindex(points) for block in blocks(runs)}
        slopes = [named(table, block) for block, table in found.items()]
        held = behind(runs)
        theories = [predicted(points, held, found), regimes_predicted(points, held, order_parameter(found))]
        finite = [finite_width(usable(runs, "a"), points, held)] if "a" in found else []
        parts = [*slopes, theories[0], *finite, self._regimes(found, points), theories[1], _counts(runs, _seeds(found))]
        return pd.concat(parts, axis=1).assign(**made(runs)).reset_index()

    def _regimes(self, found: dict[str, pd.DataFrame], points: pd.Index[Any]) -> pd.DataFrame:
        block = order_parameter(found)
        none = pd.DataFrame({"low": np.nan, "high": np.nan, "method": "none"}, index=points)
        table = found.get(block, none)
        return pd.DataFrame(
            {
                "level": self.interval.level,
                "method": table["method"].fillna("none"),
                "regime": measured(table["low"], table["high"]),
            },
            index=points,
        )


def named(table: pd.DataFrame, block: str) -> pd.DataFrame:
    """Return value, low and high of an interval as the columns of a block: S_w, S_w_low, S_w_high."""
    names = {"value": f"S_{block}", "low": f"S_{block}_low", "high": f"S_{block}_high"}
    return table[list(names)].astype(float).rename(columns=names)


def predicted(points: pd.Index[Any], held: Theory, found: Iterable[str]) -> pd.DataFrame:
    """Return the predicted exponents of those blocks found for which there is a prediction."""
    known = [block for block in held.plane.blocks if held.of(block) and block in found]
    rows = pd.DataFrame([held.exponents(*place) for place in points.to_list()], index=points)
    return rows[known].rename(columns=lambda block: f"S_{block}_predicted")


def regimes_predicted(points: pd.Index[Any], held: Theory, block: str) -> pd.DataFrame:
    """Return the predicted regime of each point, and what the prediction is of; "" where there is none."""
    regimes = [held.regime(name, x, y, block) for name, x, y in points]
    return pd.DataFrame({"regime_predicted": regimes, "theory": held.name if held.of(block) else ""}, index=points)


def side_by_side(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the intervals of all blocks as columns, and the seeds behind the exponent of the order parameter."""
    return pd.concat([*(named(table, block) for block, table in found.items()), _seeds(found)], axis=1)


def _seeds(found: dict[str, pd.DataFrame]) -> pd.Series[int]:
    block = order_parameter(found)
    return found[block]["seeds"] if block in found else pd.Series(dtype=float, name="seeds")


def _counts(runs: pd.DataFrame, behind: pd.Series[int]) -> pd.DataFrame:
    done = runs[runs["converged"]]
    widest_runs, place = widest(done), point(runs)
    wide = widest_runs.assign(**flags(widest_runs).add_prefix("clusters_")).groupby(place)
    counts = pd.DataFrame({"runs": runs.groupby(place).size(), "converged": runs.groupby(place)["converged"].sum()})
    counts["clusters"] = wide["clusters"].median().astype(float)
    counts["clusters_capped"] = wide["clusters_capped"].any()
    counts["clusters_exact"] = wide["clusters_exact"].all()
    counts[["seeds", "widths"]] = done.groupby(place)[["seed", "width"]].nunique()
    counts["seeds"] = behind.where(behind > 0).reindex(counts.index).fillna(counts["seeds"])
    counts = counts.fillna({"seeds": 0, "widths": 0, "clusters_capped": False, "clusters_exact": True})
    told = ["clusters_capped", "clusters_exact"]
    counts = counts.astype({"seeds": int, "widths": int, "converged": int} | dict.fromkeys(told, bool))
    return counts[["clusters", *told, "seeds", "widths", "runs", "converged"]].join(_left(done))


def _left(done: pd.DataFrame) -> pd.DataFrame:
    """Return what is left by merging at the largest width; no columns where no run was reduced."""
    left = reductions(widest(done)).set_index(point(done))
    return left[["effective_width", "reduction_error"] if len(left) else []]


@dataclass(frozen=True)
class LocalSlopes:
    """The slopes between neighbouring widths of each plane point: finite widths bend the line."""

    interval: Interval = field(default_factory=Interval)

    def __call__(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Return the table of `local_slopes.csv`: a row for each point and pair of neighbouring widths."""
        pairs, pair = in_pairs(runs), [*point(runs), "width_low", "width_high"]
        found = {block: self.interval(seed_slopes(pairs, block, pair)) for block in blocks(pairs)}
        return side_by_side(found).reset_index() if found else pd.DataFrame(columns=pair)


def in_pairs(runs: pd.DataFrame) -> pd.DataFrame:
    """Repeat every run for each pair of neighbouring widths of its plane point that it belongs to."""
    place = point(runs)
    widths = runs.loc[runs["converged"], [*place, "width"]].drop_duplicates().sort_values([*place, "width"])
    pairs = widths.rename(columns={"width": "width_low"})
    pairs["width_high"] = pairs.groupby(place)["width_low"].shift(-1)
    repeated = runs.merge(pairs.dropna(), on=place)
    return repeated[(repeated["width"] == repeated["width_low"]) | (repeated["width"] == repeated["width_high"])]
