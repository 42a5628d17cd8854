"""The canvas: axes with the names of the plane's coordinates, colour bar and legend beside the data."""

from __future__ import annotations

import re
import textwrap
from typing import Any, cast

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogFormatter

from analysis.figures.quantity import Quantity
from analysis.made import told

__all__ = [
    "COORDINATES",
    "SIZE",
    "LaidOutOnce",
    "NothingToDrawError",
    "axes",
    "colour_bar",
    "coordinate_labels",
    "described",
    "entitle",
    "lay_out",
    "legend_below",
    "titled",
]

SIZE = (9.5, 7.4)  # inches

LETTERS = 95
"""A line of a title, at most."""

_FORMULA = re.compile(r"\$[^$]*\$")
_PLACE = "\0" * 12  # of a formula, which takes about as much room

COORDINATES = {
    "gamma": r"$\gamma$   where   $\kappa = \beta_1\beta_2/\alpha = m^{-\gamma}$   "
    r"(to the right: smaller output at initialisation)",
    "gamma_prime": r"$\gamma'$   where   $\kappa' = \beta_1/\beta_2 = m^{-\gamma'}$"
    "\n(upwards: smaller output weights, larger input weights)",
}


class NothingToDrawError(ValueError):
    """A figure that the table at hand does not allow; the message says what is missing."""


def axes(ax: Axes | None) -> Axes:
    """Return the axes given, or those of a new figure."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=SIZE, layout="constrained")
    return ax


class LaidOutOnce(ConstrainedLayoutEngine):
    """A constrained layout for a figure that is only saved once it is drawn: to measure all its texts takes time."""

    _done = False

    def execute(self, fig: Figure) -> Any:
        """Place the axes, the first time."""
        if not self._done:
            super().execute(fig)
            self._done = True


def lay_out(ax: Axes) -> None:
    """Place the axes as their figure's layout says, with what is drawn on them so far."""
    figure = cast(Figure, ax.figure)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)


def coordinate_labels(ax: Axes) -> None:
    """Name both coordinates of the plane."""
    ax.set_xlabel(COORDINATES["gamma"])
    ax.set_ylabel(COORDINATES["gamma_prime"])


def colour_bar(ax: Axes, quantity: Quantity) -> None:
    """Draw the colour bar of a quantity beside the axes."""
    bar = ax.figure.colorbar(
        ScalarMappable(quantity.norm, quantity.cmap), ax=ax, extend=quantity.extend, pad=0.02, aspect=30
    )
    if isinstance(quantity.norm, LogNorm):
        for axis_formatter in (bar.ax.yaxis.set_major_formatter, bar.ax.yaxis.set_minor_formatter):
            axis_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(1.2, 0.5)))
    bar.set_label(quantity.label)


def legend_below(ax: Axes) -> None:
    """Put the legend below the axes, clear of data and labels."""
    if ax.get_legend_handles_labels()[0]:
        look = {"ncols": 2, "frameon": False, "fontsize": 8.5, "handlelength": 1.8, "columnspacing": 1.5}
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=5.3, **look)


def entitle(ax: Axes, title: str, table: pd.DataFrame, *further: str) -> None:
    """Write the lines of `titled` above the axes."""
    ax.set_title(titled(title, table, *further), fontsize=11)


def titled(title: str, table: pd.DataFrame, *further: str, letters: int = LETTERS) -> str:
    """Return a title, below it how the runs of a table were made, and further lines, none longer than `letters`."""
    how = textwrap.fill(told(table), letters).replace("$", r"\$")
    lines = [_broken(title, letters), how, *(_broken(line, letters) for line in further)]
    return "\n".join(line for line in lines if line)


def _broken(line: str, letters: int) -> str:
    """Return lines broken into more between words and formulas."""
    formulas = iter(_FORMULA.findall(line))
    parts = _FORMULA.sub(_PLACE, line).splitlines()
    filled = "\n".join(textwrap.fill(part, letters, break_on_hyphens=False) for part in parts)
    return re.sub(_PLACE, lambda _: next(formulas), filled)


def described(frame: pd.DataFrame, intervals: bool = True) -> str:
    """Say how many widths and seeds are behind a figure, and which intervals."""
    parts = [_counted(frame["widths"], "width"), _counted(frame["seeds"], "seed")]
    if intervals:
        known = (frame["method"] != "none").any()
        parts.append(f"{frame['level'].iloc[0]:.0%} intervals over seeds" if known else "no intervals")
    return ", ".join(parts)


def _counted(counts: pd.Series[int], noun: str) -> str:
    low, high = counts[counts > 0].min(), counts.max()
    plural = noun if high == 1 else f"{noun}s"
    return f"{high} {plural}" if low == high else f"{low} to {high} {plural}"
