"""The animation: orientation and amplitude of all neurons while a network is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.animation import PillowWriter
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from analysis.figures.canvas import NothingToDrawError
from analysis.figures.orientation import FINAL, INITIAL, angle_axes, planar
from analysis.snapshots import evenly

__all__ = ["animation"]

MOST = 100
"""Frames, the pause on the last one included."""

_PAUSE = 15  # frames on the last moment
_RATE = 10  # frames a second


def animation(moments: Sequence[pd.DataFrame], path: Path) -> Path:
    """Write a GIF of angle and relative amplitude during training, a frame a moment, and return its path.

    At most 85 moments are drawn, evenly chosen with the first and the last; the last one stays for a while.

    Arguments:
        moments: Results of `analysis.snapshots.neurons` for the snapshots of one run, in order.
        path: The file to write, ending in .gif.

    Raises:
        NothingToDrawError: there are fewer than two moments, or the neurons are not in two dimensions.
    """
    if len(moments) < 2:
        raise NothingToDrawError(f"no animation to draw: {len(moments)} moments, it takes two")
    planar(*moments)
    chosen = evenly(len(moments), MOST - _PAUSE)
    figure = Figure(figsize=(6.4, 4.4), dpi=100, layout="constrained")
    ax = figure.subplots()
    look: dict[str, Any] = {"linewidths": 0, "s": 14}
    ax.scatter(*_points(moments[0]), **{**look, "s": 5}, color=INITIAL, label="before training")
    dots = ax.scatter([], [], **look, color=FINAL, label="now")
    angle_axes(ax)
    ax.legend(loc="upper right", frameon=True)
    writer = PillowWriter(fps=_RATE)
    with writer.saving(figure, str(path), dpi=100):
        for place in [*chosen, *[chosen[-1]] * _PAUSE]:
            dots.set_offsets(np.stack(_points(moments[place]), axis=1))
            dots.set_facecolor([(*to_rgb(FINAL), 1.0 if active else 0.25) for active in moments[place]["active"]])
            ax.set_title(_title(moments[place]), family="monospace")
            writer.grab_frame()
    return path


def _points(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table["angle"].to_numpy(np.float64), table["relative_amplitude"].to_numpy(np.float64)


def _title(table: pd.DataFrame) -> str:
    return f"step {table['step'].iloc[0]:>7d}   loss {table['mse'].iloc[0]:.2e}"
