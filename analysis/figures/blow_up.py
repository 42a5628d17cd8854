"""The energy of small weights on its way to infinity: E^(-1/3) against time, with the line that it ends on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.canvas import NothingToDrawError, axes, entitle, legend_below
from analysis.figures.style import looks
from analysis.tables.places import plain, spelled, written

__all__ = ["blow_up"]

MOST = 6
"""Runs that are told apart."""

KNOWN = ("energy", "energy_two_layers", "z_norm")


def blow_up(curves: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw E^(-1/3) of three layers of small weights against the time of the flow.

    The energy E (`condense.planes.blow_up`) is that of the normalised weights, so that runs of one draw and different
    scales follow one curve until the output is no longer small. It ends on a line of slope -|z|, E infinite where that
    meets 0; the E of two layers of the same draw falls exponentially in this plot and never gets there.

    Arguments:
        curves: The table of `condense.records.curves`, with the columns energy, energy_two_layers and z_norm.
        ax: Axes to draw on; a new figure if None.

    Raises:
        NothingToDrawError: no run has an energy above 0 at two moments.
    """
    if not {*KNOWN} <= {*curves.columns}:
        raise NothingToDrawError("no blow-up to draw: add energy to measure.observables, with network=three_layer")
    positive = curves[curves["energy"] > 0].dropna(subset=list(KNOWN))
    runs = [run.sort_values("step") for _, run in positive.groupby("key", sort=False) if len(run) > 1][:MOST]
    if not runs:
        raise NothingToDrawError("no blow-up to draw: no run was looked at while its energy was above 0")
    ax = axes(ax)
    for run, (colour, shape) in zip(runs, looks(len(runs)), strict=True):
        look: dict[str, Any] = {"color": colour, "marker": shape, "ms": 5, "markevery": 0.08, "lw": 1.8}
        ax.plot(run["time"], np.cbrt(1 / run["energy"]), label=_told(run), **look)
    last = max(runs, key=lambda run: run["energy"].max())
    time, root, slope = last["time"].iloc[-1], np.cbrt(1 / last["energy"].iloc[-1]), last["z_norm"].iloc[-1]
    end = time + root / slope
    ax.plot([0, end], [slope * end, 0], "--", color="black", lw=1.2, label="slope $-|z|$ to the end: the blow-up")
    two = last[last["energy_two_layers"] > 0]
    label = "two layers of the same draw: exponential, no blow-up"
    ax.plot(two["time"], np.cbrt(1 / two["energy_two_layers"]), ":", color="0.4", lw=1.8, label=label)
    highest = max([slope * end, *np.cbrt(1 / two["energy_two_layers"].iloc[-1:])])
    ax.set(xlim=(0, 1.05 * end), ylim=(0, 1.15 * highest))
    ax.set_xlabel("time of the flow")
    ax.set_ylabel("$E^{-1/3}$")
    entitle(ax, "Energy $E = a \\cdot W_2 u$ of small weights, to the power $-1/3$", curves)
    legend_below(ax)
    return ax


def _told(run: pd.DataFrame) -> str:
    first = run.iloc[0]
    place = written(first) if plain(run).all() else spelled(str(first["initialisation"]))
    return f"{place}, $m = {first['width']:g}$, seed {first['seed']:g}"
