"""The initial stage: how the neurons align, and on how many lines they lie, against the scale of the weights."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.canvas import NothingToDrawError, axes, legend_below
from analysis.figures.curves import CLOCKS, clock
from analysis.figures.style import BLUE, ORANGE, looks
from analysis.stats.intervals import Interval
from analysis.tables.bounds import bounds, flags

__all__ = ["COUNTS", "MULTIPLICITY", "alignment", "lines_by_scale"]

MULTIPLICITY: Mapping[str, int] = {"tanh": 1, "sigmoid": 1, "softplus": 1, "x_tanh": 2, "x2_tanh": 3}
"""p of an activation s: the first j >= 1 with a j-th derivative s^(j)(0) that is not 0 (arXiv 2105.11686)."""

COUNTS: Mapping[str, str] = {
    "lines": "lines that carry 99 % of the amplitude",
    "lines_unweighted": "lines of 99 % of the neurons",
}

_COSINES = {
    "cosine_z": (BLUE, "-", "to $z$, by amplitude"),
    "cosine_z_unweighted": (BLUE, ":", "to $z$, every neuron alike"),
    "cosine_sign_z": (ORANGE, "-", "to sign($z$), by amplitude"),
    "cosine_sign_z_unweighted": (ORANGE, ":", "to sign($z$), every neuron alike"),
}


def alignment(curves: pd.DataFrame, ax: Axes | None = None, against: str | None = None) -> Axes:
    """Draw the mean |cos| between the neurons and z = (1/n) sum y_i x_i, and sign(z), over training.

    Small weights grow along z under gradient flow; the first step of Adam goes along sign(z).

    Arguments:
        curves: Moments of runs, the columns of the observable `alignment`; of several seeds the mean is drawn.
        ax: Axes to draw on; a new figure if None.
        against: "time" or "step"; what suits the flow of the runs if None.

    Raises:
        NothingToDrawError: the runs did not measure the alignment.
    """
    if "cosine_z" not in curves or curves["cosine_z"].isna().all():
        raise NothingToDrawError("no alignment to draw: add alignment to measure.observables")
    against = against or clock(curves)
    ax = axes(ax)
    for column, (colour, style, label) in _COSINES.items():
        table = curves.pivot_table(values=column, index=against, columns="key").interpolate("index").dropna()
        ax.plot(table.index, table.mean(axis=1), style, color=colour, lw=1.8, marker="o", ms=3, label=label)
    ax.set_xscale("symlog", linthresh=curves.loc[curves[against] > 0, against].min())
    ax.set(xlabel=CLOCKS[against][0], ylabel=r"mean $|\cos|$ of the input weights", ylim=(0, 1.03))
    ax.set_title("Where the neurons turn to")
    legend_below(ax)
    return ax


def lines_by_scale(runs: pd.DataFrame, count: str = "lines", ax: Axes | None = None, level: float = 0.9) -> Axes:
    """Draw how many lines the neurons lie on at the end against the scale beta2 of their initial weights.

    A line an activation, the mean over seeds with its interval; dashed the multiplicity p where it is known: at most p
    lines, 2p directions, are claimed in the limit of small weights, and where there are more the marker is hollow.

    Arguments:
        runs: Records with the columns activation, beta2, seed and `count`.
        count: "lines", by amplitude, or "lines_unweighted", every neuron alike.
        ax: Axes to draw on; a new figure if None.
        level: The confidence level of the interval.

    Raises:
        NothingToDrawError: there are not two scales with a count.
    """
    known = runs.dropna(subset=count) if count in runs else runs.iloc[:0]
    if known["beta2"].nunique() < 2:
        raise NothingToDrawError(f"no lines against scale to draw: {count} is not there at two scales of the weights")
    ax = axes(ax)
    names = list(known["activation"].unique())
    shades = looks(len(names))
    for place, name in enumerate(names):
        rows, (colour, shape) = known[known["activation"] == name], shades[place]
        table = rows.assign(**{count: rows[count].astype(float)}).pivot_table(count, "beta2", "seed")
        found = Interval(level)(table)
        shift = 1.07 ** (place - (len(names) - 1) / 2)  # so that intervals lie side by side
        spread = [found["value"] - found["low"], found["high"] - found["value"]]
        p = MULTIPLICITY.get(name)
        label = f"{name}, p = {p}" if p else f"{name}, no p"
        ax.errorbar(
            found.index * shift, found["value"], spread, fmt=f"-{shape}", color=colour, ms=5, capsize=2, label=label
        )
        more = found[found["value"] > p] if p else found.iloc[:0]
        ax.plot(more.index * shift, more["value"], shape, ms=4, mfc="white", mec=colour, zorder=4)
    ax.plot([], [], "o", ms=5, mfc="white", mec="0.3", label="hollow: more than p lines, the claim does not hold")
    for p in sorted({MULTIPLICITY[name] for name in names if name in MULTIPLICITY}):
        ax.axhline(p, color="0.45", ls="--", lw=0.9)
        ax.annotate(f"p = {p}", (1, p), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points")
    ax.set(xscale="log", yscale="log", ylim=(0.8, None))
    ax.set(xlabel=r"scale $\beta_2$ of the initial input weights", ylabel=COUNTS[count])
    ax.yaxis.set_major_formatter("{x:g}")
    seeds = known["seed"].nunique()
    band = f", mean over {seeds} seeds and its {level:.0%} interval" if seeds > 1 else ", one seed"
    meaning = bounds(flags(known, count.replace("lines", "clusters")))[1]
    ax.set_title(f"{COUNTS[count]}{band}" + (f"\n{meaning}" if meaning else ""))
    legend_below(ax)
    return ax
