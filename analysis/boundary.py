"""The boundary: where along a row of constant gamma' the exponent goes through zero, by two rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.intervals import Interval
from analysis.line import level_line, local_zero, scattered
from condense import plane

__all__ = ["COLOUR_RANGE", "COLUMNS", "ROWS", "RULES", "Boundary", "regression_zero"]

COLOUR_RANGE = 0.5
"""Exponents beyond +-0.5 are off the colour scale of the phase diagram and stay out of the regression."""

ROWS = 41
"""The gamma' at which a line through points anywhere is given, from their lowest to their highest."""

Values = NDArray[np.float64]
Rule = Callable[[Values, Values], float]


def regression_zero(gamma: Values, slope: Values) -> float:
    """Return the root of the straight line regressed over the cells of a row with |S| < 0.5.

    NaN if fewer than two cells are left, the line does not rise, or its root lies outside of the row.

    References:
        T. Luo, Z.-Q. J. Xu, Z. Ma, Y. Zhang, "Phase Diagram for Two-layer ReLU Neural Networks at
        Infinite-width Limit", JMLR 22(71), 2021, Figure 4: this rule gives the zeros marked there.
    """
    near = np.isfinite(slope) & (abs(slope) < COLOUR_RANGE)
    if near.sum() < 2:
        return float("nan")
    (variance, covariance), _ = np.cov(gamma[near], slope[near], bias=True)
    rise = covariance / variance
    root = -(slope[near].mean() - rise * gamma[near].mean()) / rise if rise > 0 else np.nan
    return float(root) if gamma.min() <= root <= gamma.max() else float("nan")


RULES: dict[str, Rule] = {
    "gamma_local": local_zero,
    "gamma_regression": regression_zero,
}

COLUMNS = (
    "gamma_prime",
    *(f"{name}{end}" for name in RULES for end in ("", "_low", "_high")),
    "interpolation",
    "gamma_theory",
    "level",
    "seeds",
)


@dataclass(frozen=True)
class Boundary:
    """The measured and the predicted boundary, a row per gamma' with at least two gammas.

    The interval of a zero is that of the zeros which the same rule gives for each seed alone. It is NaN
    unless every seed has a zero inside the row: the zeros of the others would not be a fair sample.

    Points that are no grid, such as those of hydra/sweeper=boundary, have few rows: then it is the line through all of
    them (`analysis.line.level_line`), at ROWS even values of gamma', and nothing is regressed.
    """

    interval: Interval = field(default_factory=Interval)
    block: str = "w"

    def __call__(self, slopes: pd.DataFrame) -> pd.DataFrame:
        """Return the table of `boundary.csv` from the slopes of all seeds (points by seeds).

        Only plain points of the plane enter, no named initialisations.
        """
        names = slopes.index.get_level_values("initialisation")
        plain = slopes[names == "plane"].dropna(how="all")
        rule = self._by_line if scattered(plain.index.to_frame()) else self._by_rows
        found = rule(plain.droplevel("initialisation"))
        found["gamma_theory"] = [plane.boundary(gamma_prime, self.block) for gamma_prime in found["gamma_prime"]]
        found["level"] = self.interval.level
        return found.reindex(columns=list(COLUMNS))

    def _by_line(self, slopes: pd.DataFrame) -> pd.DataFrame:
        rows = slopes.index.get_level_values("gamma_prime")
        found = level_line(slopes, np.linspace(rows.min(), rows.max(), ROWS), self.interval)
        names = {"gamma": "gamma_local", "low": "gamma_local_low", "high": "gamma_local_high"}
        return found.rename(columns=names).reset_index()

    def _by_rows(self, slopes: pd.DataFrame) -> pd.DataFrame:
        rows = _rows(slopes)
        if not rows:
            return pd.DataFrame(columns=list(COLUMNS), dtype=float)
        found = pd.concat([self._zeros(rows, name, rule) for name, rule in RULES.items()], axis=1)
        found["seeds"] = [row.shape[1] for row in rows.values()]
        found = found.rename(columns={f"{name}_value": name for name in RULES})
        return found.rename_axis("gamma_prime").reset_index()

    def _zeros(self, rows: dict[float, pd.DataFrame], name: str, rule: Rule) -> pd.DataFrame:
        alone = pd.DataFrame({row: table.apply(_zero, rule=rule) for row, table in rows.items()}).T
        fair = [row for row, table in rows.items() if alone.loc[row].reindex(table.columns).notna().all()]
        ends = self.interval(alone.loc[fair])[["low", "high"]].astype(float)
        value = pd.Series({row: _zero(table.mean(axis=1), rule) for row, table in rows.items()})
        return ends.reindex(list(rows)).assign(value=value).rename(columns=lambda end: f"{name}_{end}")


def _zero(slopes: pd.Series[float], rule: Rule) -> float:
    return rule(np.asarray(slopes.index, np.float64), np.asarray(slopes, np.float64))


def _rows(slopes: pd.DataFrame) -> dict[float, pd.DataFrame]:
    """Return gamma by seeds for each gamma' that has two gammas or more, without the seeds a row lacks."""
    rows = {
        cast(float, gamma_prime): row.droplevel("gamma_prime").sort_index().dropna(axis=1, how="all")
        for gamma_prime, row in slopes.groupby("gamma_prime")
    }
    return {gamma_prime: row for gamma_prime, row in rows.items() if len(row) >= 2}
