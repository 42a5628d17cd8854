"""Regimes: linear, critical or condensed, as measured by an interval and as predicted by theory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from condense import plane

__all__ = ["REGIMES", "measured", "order_parameter", "predicted"]

REGIMES = ("linear", "critical", "condensed", "undetermined")


def order_parameter(blocks: Iterable[str]) -> str:
    """Return the block whose exponent decides the regime: w, else the first that a network lists but for a.

    `blocks` is a list as `analysis.exponents.blocks` returns, theta in it stands for all of them. It is a if a network
    has nothing else, and w if there is none at all.

    >>> order_parameter(["w", "a", "theta"]), order_parameter(["a", "theta", "w1", "w2"]), order_parameter([])
    ('w', 'w1', 'w')
    """
    blocks = list(blocks)
    own = [block for block in blocks if block not in ("a", "theta")]
    return "w" if "w" in own else [*own, *blocks, "w"][0]


def measured(low: pd.Series[float], high: pd.Series[float]) -> pd.Series[str]:
    """Return the regime by the interval of an exponent.

    linear: high < 0;  condensed: low > 0;  critical: contains 0 at these widths;  undetermined: none.
    """
    conditions = [high < 0, low > 0, low.notna() & high.notna()]
    return pd.Series(np.select(conditions, ["linear", "condensed", "critical"], "undetermined"), index=low.index)


def predicted(points: pd.Index[Any], block: str) -> list[str]:
    """Return the regime of the infinite-width theory at each (initialisation, gamma, gamma'), "" without a theory."""
    return [plane.regime(gamma, gamma_prime, block) for _, gamma, gamma_prime in points]
