"""Quantities: what a map of the plane shows, and how it is coloured and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.colors import Colormap, LogNorm, Normalize

from analysis.figures.style import current, ranged
from analysis.stats.boundary import COLOUR_RANGE
from analysis.tables.names import shortened

__all__ = ["Quantity", "clusters", "effective_width", "exponent", "relative_change"]

NAMES = {
    "w": "the input weights",
    "a": "the output weights",
    "theta": "all parameters",
}
SYMBOLS = {"theta": r"\theta"}


@dataclass(frozen=True)
class Quantity:
    """A column of a table of plane points with its title, label, colour scale and the way to write a value.

    The lightness of both colour maps rises steadily, so order survives in grey and for every eye.
    """

    column: str
    title: str
    label: str
    norm: Normalize
    written: Callable[[float], str]
    extend: str = "neither"
    cmap: Colormap = field(default_factory=lambda: current().map)

    def __post_init__(self) -> None:
        """Let the colours end where the style says."""
        ranged(self.norm)


def symbol(letter: str, block: str) -> str:
    """Return the symbol of a quantity of a block as mathtext, without the dollars."""
    index = block if len(block) == 1 else rf"\mathrm{{{shortened(block)}}}".replace("_", r"\_")
    return rf"{letter}_{{{SYMBOLS.get(block, index)}}}"


def exponent(block: str) -> Quantity:
    """Return the exponent S of a block, on colours symmetric about 0 that end at +-0.5."""
    s, rd = symbol("S", block), symbol(r"\mathrm{RD}", block)
    return Quantity(
        f"S_{block}",
        rf"Relative change of {NAMES.get(block, block)} with the width:  ${rd} \sim m^{{{s}}}$",
        f"${s}$   ({_ends()})",
        Normalize(-COLOUR_RANGE, COLOUR_RANGE),
        signed,
        extend="both",
        cmap=current().signed_map,
    )


def _ends() -> str:
    ends = current().range
    return rf"colours end at $\pm${COLOUR_RANGE}" if ends is None else f"colours end at {ends[0]:g} and {ends[1]:g}"


def clusters(values: pd.Series[float]) -> Quantity:
    """Return the cluster count, on logarithmic colours."""
    return Quantity(
        "clusters",
        "Clusters of neurons after training, at the largest width",
        "clusters (median over seeds)",
        _log_norm(values),
        short,
    )


def effective_width(values: pd.Series[float]) -> Quantity:
    """Return the neurons left by merging, on logarithmic colours."""
    return Quantity(
        "effective_width",
        "Neurons left when those that condensed are merged, at the largest width",
        "effective width (median over seeds)",
        _log_norm(values),
        short,
    )


def relative_change(values: pd.Series[float], block: str) -> Quantity:
    """Return the relative change of a block, on logarithmic colours."""
    rd = symbol(r"\mathrm{RD}", block)
    title = f"Relative change of {NAMES.get(block, block)} after training, at the largest width"
    label = f"${rd}$ (geometric mean over seeds)"
    return Quantity(f"rd_{block}", title, label, _log_norm(values), lambda value: f"{value:.2g}")


def signed(value: float) -> str:
    """Write an exponent with its sign in four letters.

    >>> signed(0.123), signed(-1.52), signed(-0.004)
    ('+.12', '−1.5', '.00')
    """
    if round(value, 2) == 0:
        return ".00"
    text = f"{value:+.2f}" if round(abs(value), 2) < 1 else f"{value:+.1f}"
    return text.replace("+0.", "+.").replace("-0.", "-.").replace("-", "−")


def short(value: float) -> str:
    """Write a count in few letters.

    >>> short(12.0), short(1_230.0), short(12_300.0)
    ('12', '1.2k', '12k')
    """
    if value < 1000:
        return f"{value:.0f}"
    return f"{value / 1000:.{1 if value < 10_000 else 0}f}k"


def _log_norm(values: pd.Series[float]) -> LogNorm:
    """Return logarithmic colours over the values, a decade at least."""
    positive = values[np.isfinite(values) & (values > 0)]
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 10.0)
    widened = max((10 * low / high) ** 0.5, 1.0)
    return LogNorm(low / widened, high * widened)
