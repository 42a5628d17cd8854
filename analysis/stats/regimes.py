"""Regimes: linear, critical or condensed, as measured by an interval."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

__all__ = ["CRITICAL", "REGIMES", "measured", "order_parameter"]

CRITICAL = 0.1
"""An exponent within +-0.1, RD changing by less than a factor of 1.26 for each decade of width, is as good as 0.

It is what the theory predicts at a distance of .1 in gamma from the line on its linear side, twice as far on the other.
"""

REGIMES = ("linear", "critical", "condensed", "undetermined")


def order_parameter(blocks: Iterable[str]) -> str:
    """Return the block whose exponent decides the regime: w, else the first that a network lists but for a.

    `blocks` is a list as `analysis.stats.exponents.blocks` returns, theta in it stands for all of them. It is a if a
    network has nothing else, and w if there is none at all.

    >>> order_parameter(["w", "a", "theta"]), order_parameter(["a", "theta", "w1", "w2"]), order_parameter([])
    ('w', 'w1', 'w')
    """
    blocks = list(blocks)
    own = [block for block in blocks if block not in ("a", "theta")]
    return "w" if "w" in own else [*own, *blocks, "w"][0]


def measured(low: pd.Series[float], high: pd.Series[float]) -> pd.Series[str]:
    """Return the regime by the interval of an exponent.

    linear: high < 0;  condensed: low > 0;  critical: contains 0, and nothing beyond +-`CRITICAL`, at these widths;
    undetermined: contains 0 and more, so that it may be any of these, or there is none.
    """
    conditions = [high < 0, low > 0, (low >= -CRITICAL) & (high <= CRITICAL)]
    return pd.Series(np.select(conditions, ["linear", "condensed", "critical"], "undetermined"), index=low.index)
