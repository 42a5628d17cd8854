"""Exponents on the way: S of each block at the moments at which the loss has fallen to given shares of its start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.stats.exponents import blocks, seed_slopes, side_by_side
from analysis.stats.intervals import Interval
from analysis.tables.places import point
from condense import records

__all__ = ["LossExponents", "at_losses"]

COARSE = 2.0
"""Moments between which RD changes by a larger factor do not say what it is between them."""


def at_losses(curves: pd.DataFrame, losses: Sequence[float]) -> pd.DataFrame:
    """Return the relative changes of runs where their loss has fallen to shares of its first value, a row each.

    log RD is a straight line in log mse between the last moment above the share and the first at or below it. A run
    has no row for a share that it did not come down to before its end, nor for one between whose moments RD changes by
    more than a factor of `COARSE`: its steps there are too long to say.

    Arguments:
        curves: What `condense.records.curves` returns.
        losses: Shares of the first mean square residual, such as [.5, .1].
    """
    moved = [f"rd_{block}" for block in records.relative_changes(curves.columns)]
    which = [*point(curves), "width", "seed"]
    rows = []
    for _, run in curves.sort_values("step").groupby("key", sort=False):
        about, changes = run[which].iloc[0].tolist(), run[moved].to_numpy(float)
        share = (run["mse"] / run["mse"].iloc[0]).to_numpy()
        for loss in losses:
            first = int(np.argmax(share <= loss))
            around = slice(first - 1, first + 1)
            if first and (changes[first] <= COARSE * changes[first - 1]).all():  # 0 if no moment is below
                rows.append([*about, loss, *_between(share[around], changes[around], loss)])
    return pd.DataFrame(rows, columns=[*which, "loss", *moved])


def _between(share: np.ndarray, changes: np.ndarray, loss: float) -> np.ndarray:
    part = np.log(loss / share[0]) / np.log(share[1] / share[0])
    return np.asarray(changes[0] * (changes[1] / changes[0]) ** part)


@dataclass(frozen=True)
class LossExponents:
    """The exponents of every plane point where the loss has fallen to given shares of its first value.

    S = d log RD / d log m at one share for all widths, whether the runs go on to their stop or not.
    """

    interval: Interval = field(default_factory=Interval)

    def __call__(self, curves: pd.DataFrame, losses: Sequence[float]) -> pd.DataFrame:
        """Return the table of `exponents_by_loss.csv`.

        A row for each point, share and pair of neighbouring widths, and one for the least-squares line over all widths,
        from width_low to width_high.
        """
        runs = _spanned(at_losses(curves, losses)).assign(converged=True)
        span = [*point(curves), "loss", "width_low", "width_high"]
        found = {block: self.interval(seed_slopes(runs, block, span)) for block in blocks(runs)}
        if not found:
            return pd.DataFrame(columns=span)
        return side_by_side(found).assign(level=self.interval.level).reset_index()


def _spanned(runs: pd.DataFrame) -> pd.DataFrame:
    """Repeat every run for each pair of neighbouring widths that it belongs to, and for all widths."""
    level = [*point(runs), "loss"]
    widths = runs[[*level, "width"]].drop_duplicates().sort_values([*level, "width"])
    pairs = widths.rename(columns={"width": "width_low"})
    pairs["width_high"] = pairs.groupby(level)["width_low"].shift(-1)
    whole = widths.groupby(level)["width"].agg(width_low="min", width_high="max").reset_index()
    spans = pd.concat([pairs.dropna(), whole[whole["width_low"] < whole["width_high"]]]).drop_duplicates()
    repeated = runs.merge(spans, on=level)
    return repeated[repeated["width"].between(repeated["width_low"], repeated["width_high"])]
