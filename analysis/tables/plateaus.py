"""Plateaus: the stretches of training in which the loss hardly falls."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["LONG", "SLOPE", "plateaus"]

SLOPE = 0.1
"""A loss that falls as t^-.1 or more slowly stands still."""

LONG = 2.0
"""A plateau lasts from t to this many times t, at least."""


def plateaus(curve: pd.DataFrame, clock: str = "time", slope: float = SLOPE, long: float = LONG) -> pd.DataFrame:
    """Return the plateaus of the loss of one run: start and end in the clock, and mse, the geometric mean of both ends.

    The local slope between neighbouring moments is d log mse / d log t with t the clock, "time" or "step". A plateau
    is a longest stretch of moments between which its absolute value stays below `slope`, whose end is at least `long`
    times its start. The start, t = 0, has no logarithm and belongs to none.
    """
    there = curve[(curve[clock] > 0) & (curve["mse"] > 0)].sort_values(clock).drop_duplicates(clock, keep="last")
    t, mse = there[clock].to_numpy(np.float64), there["mse"].to_numpy(np.float64)
    flat = np.abs(np.diff(np.log(mse)) / np.diff(np.log(t))) < slope
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(int)))
    starts, ends = edges[::2], edges[1::2]
    found = pd.DataFrame({"start": t[starts], "end": t[ends], "mse": np.sqrt(mse[starts] * mse[ends])})
    return found[found["end"] >= long * found["start"]].reset_index(drop=True)
