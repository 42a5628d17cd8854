"""Curves: the output of a network, its loss with the directions over training, and the effective ratio."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from analysis.figures.canvas import NothingToDrawError, axes, legend_below
from analysis.figures.style import BLUE, ORANGE, RED, looks
from analysis.snapshots import Output
from analysis.stats.intervals import Interval
from analysis.tables.bounds import bounds, flags
from analysis.tables.plateaus import LONG, SLOPE, plateaus
from condense.schema import FLOWS

__all__ = ["clock", "effective_ratio", "output_curve", "training_curves"]

LOSS, COUNT = BLUE, ORANGE

CLOCKS = {"time": ("time $t$", "t"), "step": ("step", r"\mathrm{step}")}


def output_curve(output: Output, ax: Axes | None = None) -> Axes:
    """Draw the output f(x) of a network of one input with the data.

    Arguments:
        output: The result of `analysis.snapshots.output`.
        ax: Axes to draw on; a new figure if None.
    """
    ax = axes(ax)
    ax.plot(output.curve["x"], output.curve["f"], color=LOSS, lw=1.8, label="output of the network $f(x)$")
    look: dict[str, Any] = {"c": RED, "edgecolors": "white", "zorder": 3, "s": 46}
    ax.scatter(output.data["x"], output.data["y"], label="data", **look)
    ax.set(xlabel="$x$", ylabel="$f(x)$")
    ax.set_title("Output of the network and the data")
    legend_below(ax)
    return ax


def clock(curves: pd.DataFrame) -> str:
    """Return what these runs are followed by: "step" if all have a fixed rate (descent, adam), else "time"."""
    fixed = "flow" in curves and all(flow in FLOWS and FLOWS[flow].clock == "step" for flow in curves["flow"].unique())
    return "step" if fixed else "time"


def training_curves(curves: pd.DataFrame, ax: Axes | None = None, against: str | None = None) -> Axes:
    """Draw the loss over training and, on a second scale, how many directions and lines the neurons need.

    The first run is bold and its plateaus are shaded, other runs are thin. A plateau is a stretch with
    |d log mse / d log t| < .1 that lasts a factor of 2 in t or more (`analysis.tables.plateaus`).

    Arguments:
        curves: Moments of one or more runs, columns key, mse, step or time, and clusters and lines if counted.
        ax: Axes to draw on; a new figure if None. The second scale is the last axes of its figure.
        against: "time" or "step"; what suits the flow of the runs if None.

    Raises:
        NothingToDrawError: no run has two moments with a loss.
    """
    against = against or clock(curves)
    known = curves[(curves["mse"] > 0) & (curves[against] >= 0)]
    if not (known.groupby("key")[against].nunique() >= 2).any():
        raise NothingToDrawError(
            "no training curve to draw: no run has two moments; choose snapshots.per_decade=5, say"
        )
    ax = axes(ax)
    first = known["key"].iloc[0]
    _shade(ax, plateaus(known[known["key"] == first], against), CLOCKS[against][1])
    counts = ax.twinx()
    start = known.loc[known[against] > 0, against].min() / 2
    for key, run in known.sort_values(against).groupby("key"):
        look = {"lw": 1.9, "ms": 3.5, "zorder": 3} if key == first else {"lw": 0.6, "ms": 1.5, "alpha": 0.5}
        _draw_run(ax, counts, run.assign(place=run[against].where(run[against] > 0, start)), look, key == first)
    ax.set(xscale="log", yscale="log", xlabel=f"{CLOCKS[against][0]}   (leftmost: the start, at 0)")
    ax.set_ylabel("loss: mean square residual", color=LOSS)
    if known["mse"].max() < 100 * known["mse"].min():  # else powers of ten are enough
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
    _count_axis(counts)
    if meaning := bounds(flags(known))[1]:
        ax.plot([], [], " ", label=f"numbers of directions: {meaning}")
    ax.set_title("Loss and number of directions during training")
    _one_legend(ax, counts)
    return ax


def _shade(ax: Axes, found: pd.DataFrame, symbol: str) -> None:
    rule = rf"plateau: $|d\,\log\,\mathrm{{mse}}\,/\,d\,\log\,{symbol}| < {SLOPE:g}$ over a factor of {LONG:g} or more"
    for number, row in found.iterrows():
        ax.axvspan(row["start"], row["end"], color="0.9", lw=0, zorder=0, label=None if number else rule)


def _draw_run(ax: Axes, counts: Axes, run: pd.DataFrame, look: dict[str, Any], named: bool) -> None:
    ax.plot(run["place"], run["mse"], "-o", color=LOSS, label="loss" if named else None, **look)
    for column, style, word in (("clusters", "-", "directions"), ("lines", ":", "lines (opposite directions are one)")):
        if column in run and run[column].notna().any():
            there = run.dropna(subset=column)
            label = f"{word}, scale to the right" if named else None
            styled: dict[str, Any] = {"color": COUNT, "ls": style, "drawstyle": "steps-post", **look}
            counts.plot(there["place"], there[column].astype(float), marker="s", label=label, **styled)


def _count_axis(counts: Axes) -> None:
    if not counts.lines:
        counts.set_yticks([])
        return
    high = counts.dataLim.y1
    if high > 20:
        counts.set(yscale="log", ylim=(0.8, high * 1.3))
        counts.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        counts.yaxis.set_minor_formatter(NullFormatter())
        counts.yaxis.set_major_formatter("{x:g}")
    else:
        counts.set_ylim(0, high + 1)
        counts.yaxis.set_major_locator(MaxNLocator(integer=True))
    counts.set_ylabel("number of directions", color=COUNT)


def _one_legend(ax: Axes, counts: Axes) -> None:
    """Name what is on the second scale in the legend of the first."""
    for line in counts.lines:
        if not str(line.get_label()).startswith("_"):
            style: Any = line.get_linestyle()
            ax.plot([], [], marker="s", ms=3.5, color=COUNT, ls=style, label=str(line.get_label()))
    legend_below(ax)


def effective_ratio(
    curves: pd.DataFrame, ax: Axes | None = None, by: str = "setting", level: float = 0.9, against: str | None = None
) -> Axes:
    """Draw directions over neurons during training, the mean over seeds with its interval, a line a setting.

    All neurons are counted, both copies of an antisymmetric network. At each moment of any seed the others count with
    their last moment so far.

    Arguments:
        curves: Moments of runs, columns seed, clusters, neurons, antisymmetric, step or time, and `by`.
        ax: Axes to draw on; a new figure if None.
        by: The column whose values are compared, such as "activation".
        level: The confidence level of the interval (`analysis.stats.intervals.Interval`).
        against: "time" or "step"; what suits the flow of the runs if None.

    Raises:
        NothingToDrawError: no moment has a count of directions.
        ValueError: two runs share their seed and their value of `by`.
    """
    against = against or clock(curves)
    known = curves.dropna(subset="clusters")
    if known.empty:
        raise NothingToDrawError("no effective ratio to draw: no moment has a count of directions")
    _single(known, by)
    ax = axes(ax)
    values = known[by].unique()
    for value, look in zip(values, looks(len(values)), strict=True):
        _draw_ratio(ax, known[known[by] == value], str(value), look, level, against)
    ax.set_xscale("symlog", linthresh=known.loc[known[against] > 0, against].min())
    ax.set(xlabel=CLOCKS[against][0], ylabel="effective ratio: directions / neurons")
    ax.set_ylim(bottom=0)
    seeds = known["seed"].nunique()
    band = f"mean over {seeds} seeds and its {level:.0%} interval" if seeds > 1 else "one seed, no interval"
    meaning = bounds(flags(known))[1]
    band += f"; {meaning}" if meaning else ""
    ax.set_title(f"How many of the neurons are different, during training\n{band}")
    legend_below(ax)
    return ax


def _single(known: pd.DataFrame, by: str) -> None:
    """Refuse runs that differ in something else than their seed and what is compared."""
    runs = known.drop_duplicates("key")
    again = runs[runs.duplicated([by, "seed"])]
    if len(again):
        value, seed = again[[by, "seed"]].iloc[0]
        raise ValueError(
            f"effective_ratio: several runs have {by} = {value} and seed = {seed}, allowed is one; "
            "choose one width and one plane point, or another column for by"
        )


def _draw_ratio(ax: Axes, known: pd.DataFrame, label: str, look: tuple[str, str], level: float, against: str) -> None:
    copies = 1 + known["antisymmetric"].astype(int) if "antisymmetric" in known else 1
    ratio = known["clusters"].astype(float) / (known["neurons"] * copies)
    table = known.assign(ratio=ratio).pivot_table(values="ratio", index=against, columns="seed", aggfunc="last").ffill()
    found, (colour, shape) = Interval(level)(table), look
    styled: dict[str, Any] = {"color": colour, "marker": shape, "markevery": 0.08, "ms": 5, "lw": 1.8}
    ax.plot(found.index, found["value"], label=label, drawstyle="steps-post", **styled)
    ax.fill_between(
        found.index, found["low"].astype(float), found["high"].astype(float), color=colour, alpha=0.2, lw=0, step="post"
    )
