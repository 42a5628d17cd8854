"""Reductions: how few neurons are left at each plane point when those that condensed are merged."""

from __future__ import annotations

import pandas as pd

from analysis.tables.places import point

__all__ = ["reductions", "widest"]


def widest(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs at the largest width of their plane point."""
    return runs[runs["width"] == runs.groupby(point(runs))["width"].transform("max")]


def reductions(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the table of `reductions.csv`: a row for each point and width with converged runs that were reduced.

    `neurons` are those of all copies, `effective_width` is the median over seeds, `_low` and `_high` the smallest and
    the largest, `reduction_error` the largest change of the output.
    """
    known = runs[runs["converged"] & runs["effective_width"].notna()]
    known = known.assign(neurons=known["neurons"] * (1 + known["antisymmetric"]))
    left = known["effective_width"].astype(float)
    groups = known.assign(effective_width=left).groupby([*point(runs), "width"])
    return groups.agg(
        neurons=("neurons", "max"),
        effective_width=("effective_width", "median"),
        effective_width_low=("effective_width", "min"),
        effective_width_high=("effective_width", "max"),
        reduction_error=("reduction_error", "max"),
        seeds=("seed", "nunique"),
    ).reset_index()
