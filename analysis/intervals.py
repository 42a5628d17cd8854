"""Intervals of a mean over seeds: by Student's t for few seeds, by the bootstrap for many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

__all__ = ["Interval", "bootstrap_interval", "t_interval"]

Values = NDArray[np.float64]


def t_interval(values: Values, level: float) -> tuple[Values, Values]:
    """Return the ends of the t-interval of each row's mean: mean -+ t s / sqrt(n), for (rows, n) values."""
    n = values.shape[1]
    half = special.stdtrit(n - 1, (1 + level) / 2) * (values.std(axis=1, ddof=1) / n**0.5)
    mean = values.mean(axis=1)
    return mean - half, mean + half


def bootstrap_interval(values: Values, level: float) -> tuple[Values, Values]:
    """Return the ends of the expanded percentile interval of the mean of each row, for (rows, n) values.

    Every row is resampled with the same draws, so what the rows share stays shared. The plain percentile
    interval of n values is short by about sqrt((n - 1)/n) z/t; its level is raised to make up for that.

    References:
        T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4), 2015.
    """
    from scipy import stats  # half a second to import, and few seeds do without it

    n = values.shape[1]
    quantile = np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 + level) / 2)
    found = stats.bootstrap(
        (values,),
        np.mean,
        axis=-1,
        confidence_level=float(special.ndtr(quantile) - special.ndtr(-quantile)),
        n_resamples=1999,
        batch=200,
        method="percentile",
        random_state=0,
    ).confidence_interval
    return np.asarray(found.low), np.asarray(found.high)


@dataclass(frozen=True)
class Interval:
    """The mean over seeds with its interval, for every row of a table whose columns are seeds.

    Arguments:
        level: The confidence level, in (0, 1).
        bootstrap_from: The number of seeds from which on the interval is a bootstrap over seeds.

    Raises:
        ValueError: the level is not in (0, 1).
    """

    level: float = 0.9
    bootstrap_from: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level = {self.level}: the level of an interval lies between 0 and 1, such as 0.9")

    def __call__(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the columns value, low, high, seeds and method ("none" for one seed, "t", "bootstrap")."""
        ends = [self._ends(rows) for rows in _by_seeds(table)]
        low_high = pd.concat(ends) if ends else pd.DataFrame(columns=["low", "high", "method"], index=table.index)
        mean = pd.DataFrame({"value": table.mean(axis=1), "seeds": table.notna().sum(axis=1)})
        return mean.join(low_high)[["value", "low", "high", "seeds", "method"]]

    def _ends(self, rows: pd.DataFrame) -> pd.DataFrame:
        seeds = rows.shape[1]
        if seeds < 2:
            return pd.DataFrame({"low": np.nan, "high": np.nan, "method": "none"}, index=rows.index)
        method, rule = ("t", t_interval) if seeds < self.bootstrap_from else ("bootstrap", bootstrap_interval)
        low, high = rule(rows.to_numpy(np.float64), self.level)
        return pd.DataFrame({"low": low, "high": high, "method": method}, index=rows.index)


def _by_seeds(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the rows that have the same seeds, with the columns of these seeds only."""
    there = pd.Series([row.tobytes() for row in table.notna().to_numpy()], index=table.index, dtype=object)
    for _, rows in table.groupby(there, sort=False):
        yield rows.dropna(axis=1, how="all")
