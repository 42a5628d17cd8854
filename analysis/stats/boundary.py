"""The boundary: where along a row of constant y, gamma' say, the exponent goes through zero, by two rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.stats.intervals import Interval, degrees, errors, sample
from analysis.stats.line import crossing, level_line, root, scattered
from analysis.tables.places import axes, plane_of
from condense.planes import Plane
from condense.theory import NONE, Theory

__all__ = ["COLOUR_RANGE", "ROWS", "RULES", "Boundary", "columns", "regression_zero"]

COLOUR_RANGE = 0.5
"""Exponents beyond +-0.5 are off the colour scale of the phase diagram and stay out of the regression."""

ROWS = 41
"""The y at which a line through points anywhere is given, from their lowest to their highest."""

Values = NDArray[np.float64]
Places = NDArray[np.intp]
Rule = Callable[[Values, Values], Places]
"""The places of the cells whose straight line has the zero of a row for its root, from x and exponents."""


def regression_zero(x: Values, slope: Values) -> float:
    """Return the root of the straight line regressed over the cells of a row with |S| < 0.5.

    NaN if fewer than two cells are left, the line does not rise, or its root lies outside of the row.

    References:
        T. Luo, Z.-Q. J. Xu, Z. Ma, Y. Zhang, "Phase Diagram for Two-layer ReLU Neural Networks at
        Infinite-width Limit", JMLR 22(71), 2021, Figure 4: this rule gives the zeros marked there.
    """
    return _zero(x, slope, _near(x, slope))


def _near(x: Values, slope: Values) -> Places:
    return np.flatnonzero(np.isfinite(slope) & (abs(slope) < COLOUR_RANGE))


def _zero(x: Values, slope: Values, cells: Places) -> float:
    zero = root(x[cells], slope[cells])
    return zero if x.min() <= zero <= x.max() else float("nan")


RULES: dict[str, Rule] = {
    "local": crossing,
    "regression": _near,
}


def columns(plane: Plane) -> list[str]:
    """Return the columns of the table of zeros along x: y, then gamma_local, gamma_regression and so on."""
    x, y = plane.columns
    zeros = [f"{x}_{rule}{end}" for rule in RULES for end in ("", "_low", "_high")]
    return [y, *zeros, "interpolation", f"{x}_theory", "level", "seeds", "seeds_most"]


@dataclass(frozen=True)
class Boundary:
    """The measured boundary, and the one that a theory predicts, a row for each y with at least two x.

    A zero is the root of a straight line through cells of the row, each the mean over all seeds that the cell has. Its
    interval is of the same cells and the same seeds: what each seed adds to the errors of these means moves the root to
    first order (`analysis.stats.intervals.errors`). `seeds` and `seeds_most` are the fewest and the most of a cell that
    enters.

    Points that are no grid, such as those of hydra/sweeper=boundary, have few rows: then it is the line through all of
    them (`analysis.stats.line.level_line`), at ROWS even values of y, and nothing is regressed.
    """

    interval: Interval = field(default_factory=Interval)
    block: str = "w"
    theory: Theory = NONE

    def __call__(self, slopes: pd.DataFrame) -> pd.DataFrame:
        """Return the table of `boundary.csv` from the slopes of all seeds (points by seeds).

        Only plain points of the plane enter, no named initialisations.
        """
        plane = plane_of(slopes)
        x, y = plane.columns
        plain = slopes[slopes.index.get_level_values("initialisation") == plane.name].dropna(how="all")
        rule = self._by_line if scattered(plain.index.to_frame()) else self._by_rows
        found = rule(plain.droplevel("initialisation"))
        found[f"{x}_theory"] = [self.theory.boundary(row, self.block) for row in found[y]]
        found["level"] = self.interval.level
        return found.reindex(columns=columns(plane))

    def _by_line(self, slopes: pd.DataFrame) -> pd.DataFrame:
        x, y = axes(slopes)
        rows = slopes.index.get_level_values(y)
        found = level_line(slopes, np.linspace(rows.min(), rows.max(), ROWS), self.interval)
        names = {x: f"{x}_local", "low": f"{x}_local_low", "high": f"{x}_local_high"}
        return found.rename(columns=names).reset_index()

    def _by_rows(self, slopes: pd.DataFrame) -> pd.DataFrame:
        x, y = axes(slopes)
        rows = _rows(slopes)
        if not rows:
            return pd.DataFrame(columns=columns(plane_of(slopes)), dtype=float)
        found = pd.concat([self._zeros(rows, f"{x}_{name}", rule) for name, rule in RULES.items()], axis=1)
        counts = pd.DataFrame({row: _seeds(table) for row, table in rows.items()}, index=["seeds", "seeds_most"]).T
        return found.join(counts).rename_axis(y).reset_index()

    def _zeros(self, rows: dict[float, pd.DataFrame], name: str, rule: Rule) -> pd.DataFrame:
        zeros = {row: _moved(table, rule) for row, table in rows.items()}
        moved = pd.DataFrame({row: moved for row, (_, moved, _) in zeros.items()}).T
        ends = self.interval(moved, pd.Series({row: dof for row, (_, _, dof) in zeros.items()}))
        value = pd.Series({row: zero for row, (zero, _, _) in zeros.items()})
        low, high = ends["low"].astype(float).clip(upper=0), ends["high"].astype(float).clip(lower=0)
        return pd.DataFrame({name: value, f"{name}_low": value + low, f"{name}_high": value + high})


def _moved(row: pd.DataFrame, rule: Rule) -> tuple[float, pd.Series[float], float]:
    """Return the zero of a row, by how much each seed moves it, and degrees of freedom, given x by seeds.

    The line through cells at x_i has the value sum_i h_i S_i at its root r, h_i = 1/n + (x_i - <x>)
    (r - <x>) / sum (x_i - <x>)^2, so that an error e_i of S_i moves r by -h_i e_i / slope.
    """
    x, mean = np.asarray(row.index, np.float64), row.mean(axis=1).to_numpy(np.float64)
    cells = rule(x, mean)
    zero = _zero(x, mean, cells)
    if np.isnan(zero):
        return zero, pd.Series(np.nan, index=row.columns), 0.0
    used, off = row.iloc[cells], x[cells] - x[cells].mean()
    weights = 1 / len(cells) + off * (zero - x[cells].mean()) / (off @ off)
    parts = -weights[:, None] * errors(used) * (off @ off) / (off @ mean[cells])
    moved = sample(parts.sum(axis=0), used.notna().any().to_numpy())
    return zero, pd.Series(moved, index=row.columns), degrees(parts, used.notna().sum(axis=1).to_numpy())


def _seeds(row: pd.DataFrame) -> tuple[int, int]:
    """Return the fewest and the most seeds of a cell that a zero of the row is made of; of all without a zero."""
    x, mean = np.asarray(row.index, np.float64), row.mean(axis=1).to_numpy(np.float64)
    used = np.unique(np.concatenate([rule(x, mean) for rule in RULES.values()]))
    seeds = row.notna().sum(axis=1).iloc[used if used.size else slice(None)]
    return int(seeds.min()), int(seeds.max())


def _rows(slopes: pd.DataFrame) -> dict[float, pd.DataFrame]:
    """Return x by seeds for each y that has two x or more, without the seeds a row lacks."""
    _, y = axes(slopes)
    rows = {
        cast(float, value): row.droplevel(y).sort_index().dropna(axis=1, how="all") for value, row in slopes.groupby(y)
    }
    return {value: row for value, row in rows.items() if len(row) >= 2}
