"""Three small layers: their energy on its way to infinity, and how they come to rank one meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.canvas import NothingToDrawError, axes, entitle, legend_below
from analysis.figures.style import looks
from analysis.tables.places import plain, spelled, written

__all__ = ["blow_up", "rank_one"]

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


def rank_one(curves: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how W2 comes to rank one and the rows of W1 to one line, over the time of the flow.

    Arguments:
        curves: Moments of runs, the columns of the observable `energy`; of several seeds the first is drawn.
        ax: Axes to draw on; a new figure if None.

    Raises:
        NothingToDrawError: the runs did not measure the singular values of W2.
    """
    names = [name for name in curves if str(name).startswith("singular_w2_") and curves[name].notna().any()]
    if not names:
        raise NothingToDrawError("no singular values of W2 to draw: add energy to measure.observables, up to m = 512")
    run = curves[curves["key"] == curves["key"].iloc[0]].sort_values("step")
    ax = axes(ax)
    for number, (name, (colour, _)) in enumerate(zip(names, looks(len(names)), strict=True), start=1):
        ax.plot(run["time"], run[name], color=colour, lw=1.8, label=f"singular value {number} of $W_2$")
    beside = ax.twinx()
    shares = {
        "share_z": ("-", "$|W_1 z| / (|W_1||z|)$ (right)"),
        "top_share_w2": ("--", "$s_1^2 / |W_2|^2$ (right)"),
        "sign_share": (":", "signs that agree (right)"),
    }
    for name, (style, label) in shares.items():
        look: dict[str, Any] = {"color": "0.45", "lw": 1.2, "ls": style}
        beside.plot(run["time"], run[name], **look)
        ax.plot([], [], label=label, **look)
    beside.set(ylabel="share", ylim=(0, 1.03))
    ax.set(xlabel="time of the flow", ylabel="singular values, over the scale of $W_2$", yscale="log")
    ax.set_title("$W_2$ comes to rank one")
    legend_below(ax)
    return ax


def _told(run: pd.DataFrame) -> str:
    first = run.iloc[0]
    place = written(first) if plain(run).all() else spelled(str(first["initialisation"]))
    return f"{place}, $m = {first['width']:g}$, seed {first['seed']:g}"
