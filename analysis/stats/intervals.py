"""Intervals of a mean over seeds: by Student's t for few seeds, by the bootstrap for many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

__all__ = ["Interval", "bootstrap_interval", "degrees", "errors", "sample", "t_interval"]

Values = NDArray[np.float64]


def t_interval(values: Values, level: float, dof: NDArray[np.floating] | None = None) -> tuple[Values, Values]:
    """Return the ends of the t-interval of each row's mean: mean -+ t s / sqrt(n), for (rows, n) values.

    t is that of n - 1 degrees of freedom, or of `dof` (rows,) where a row is a `sample` of less.
    """
    n = values.shape[1]
    half = special.stdtrit(n - 1 if dof is None else dof, (1 + level) / 2) * (values.std(axis=1, ddof=1) / n**0.5)
    mean = values.mean(axis=1)
    return mean - half, mean + half


def bootstrap_interval(values: Values, level: float) -> tuple[Values, Values]:
    """Return the ends of the expanded percentile interval of the mean of each row, for (rows, n) values.

    Every row is resampled with the same draws, so what the rows share stays shared. The plain percentile
    interval of n values is short by about sqrt((n - 1)/n) z/t; its level is raised to make up for that. Quantiles that
    leave the mean out, of a skewed row at a low level, are extended to it.

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
    mean = values.mean(axis=1)
    return np.minimum(found.low, mean), np.maximum(found.high, mean)


def errors(table: pd.DataFrame) -> Values:
    """Return what each seed has added to the error of each row's mean: (rows, seeds), 0 where a row lacks a seed.

        e_ik = (s_ik - <s_i>) / sqrt(n_i (n_i - 1)),    n_i the seeds of row i

    The sum of e_ik^2 over the seeds estimates the variance of the mean, that of e_ik e_jk the covariance of two means,
    whatever seeds the rows have in common. Of a row with one seed all are 0: its error is not known.
    """
    seeds = table.notna().sum(axis=1).to_numpy(np.float64)[:, None]
    deviations = np.nan_to_num(table.to_numpy(np.float64) - table.mean(axis=1).to_numpy(np.float64)[:, None])
    return np.asarray(deviations / np.sqrt(np.maximum(seeds * (seeds - 1), 1)))


def sample(error: Values, there: NDArray[np.bool_]) -> Values:
    """Return a sample over the seeds that are there whose mean, 0, has this `errors`' variance; NaN for the others.

    `error` (seeds,) is a sum of rows of `errors`, weighted. Where all rows have the same seeds the sample is that sum
    of the seeds' own deviations.
    """
    seeds = there.sum()
    return np.where(there, error * np.sqrt(seeds * (seeds - 1.0)), np.nan)


def degrees(parts: Values, seeds: Values) -> float:
    """Return the degrees of freedom of the variance of a sum of `parts`: weighted rows of `errors`, (rows, seeds).

    1 / dof is the mean of 1 / (n_i - 1) over the rows, each weighted by its share of the variance: n - 1 if all have n
    seeds, and near to the n_i - 1 of a row with few seeds that most of the error comes from. 0 if a row has one seed.
    """
    if (seeds < 2).any():
        return 0.0
    shares = np.maximum(parts @ parts.sum(axis=0), 0)
    if not shares.any():
        return float(seeds.min() - 1)
    return float(round(shares.sum() / (shares / (seeds - 1)).sum(), 9))


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

    def __call__(self, table: pd.DataFrame, dof: pd.Series[float] | None = None) -> pd.DataFrame:
        """Return the columns value, low, high, seeds and method ("none" for one seed, "t", "bootstrap").

        Value and interval of a row are of the seeds that it has, so that low <= value <= high. Degrees of freedom are
        these less one, or those given for each row: they decide on the method then.
        """
        dof = table.notna().sum(axis=1) - 1 if dof is None else dof
        ends = [self._ends(rows, dof[rows.index]) for rows in _by_seeds(table)]
        columns = ["value", "low", "high", "method"]
        found = pd.concat(ends) if ends else pd.DataFrame(columns=columns, index=table.index)
        found = found.reindex(table.index).assign(seeds=table.notna().sum(axis=1))
        return found[["value", "low", "high", "seeds", "method"]]

    def _ends(self, rows: pd.DataFrame, dof: pd.Series[float]) -> pd.DataFrame:
        values = rows.to_numpy(np.float64)
        mean = values.mean(axis=1) if rows.shape[1] else np.nan
        found = pd.DataFrame({"value": mean, "low": np.nan, "high": np.nan, "method": "none"}, index=rows.index)
        bootstrapped = dof >= self.bootstrap_from - 1
        for method, chosen in {"t": ~bootstrapped & (dof >= 1), "bootstrap": bootstrapped}.items():
            here = chosen.to_numpy()
            if here.any():
                known = values[here], self.level
                ends = (
                    t_interval(*known, dof.to_numpy(np.float64)[here]) if method == "t" else bootstrap_interval(*known)
                )
                low, high = ends  # at low levels a skewed bootstrap may leave the mean out
                found.loc[here, "low"] = np.fmin(low, found.loc[here, "value"])
                found.loc[here, "high"] = np.fmax(high, found.loc[here, "value"])
                found.loc[here, "method"] = method
        return found


def _by_seeds(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the rows that have the same seeds, with the columns of these seeds only."""
    there = pd.Series([row.tobytes() for row in table.notna().to_numpy()], index=table.index, dtype=object)
    for _, rows in table.groupby(there, sort=False):
        yield rows.dropna(axis=1, how="all")
