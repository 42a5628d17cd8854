"""Cosines: the matrix of cosines between neurons, ordered so that condensed neurons are blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from analysis.figures.canvas import NothingToDrawError, axes
from analysis.figures.style import current
from analysis.snapshots import coordinates
from analysis.tables.directions import Groups, groups

__all__ = ["MOST", "cosine_bar", "cosine_matrix", "ordered"]

Values = NDArray[np.float64]

_RANGE = Normalize(-1, 1)

MOST = 200
"""Neurons in a matrix."""

_ROOM = 0.08  # the part of the matrix that a frame with its share takes at least
_LARGE = 0.25  # the share that is written beside a smaller frame
_HALO = [withStroke(linewidth=2.5, foreground="white")]


def cosine_matrix(
    neurons: pd.DataFrame | Values, ax: Axes | None = None, lines: bool = True, weighted: bool = True, bar: bool = True
) -> Axes:
    """Draw the cosines between neurons, those of one line or direction side by side and framed.

    Lines are those of the rule of clusters (`analysis.tables.directions`), found among all active neurons, with their
    shares where there is room. At most 200 neurons are drawn, those of largest amplitude; the title says so. Their
    order is that of `ordered`.

    Arguments:
        neurons: A table of `analysis.snapshots.neurons` or `layers`, or weights of shape (neurons, d), whose
            amplitudes are then their lengths.
        ax: Axes to draw on; a new figure if None.
        lines: Count a direction and its opposite as one.
        weighted: Count what carries 99 % of the amplitude; else what holds 99 % of the neurons.
        bar: Draw a colour bar.

    Raises:
        NothingToDrawError: there are fewer than two active neurons of some amplitude.
    """
    w, amplitude = _active(neurons)
    if len(w) < 2:
        raise NothingToDrawError(f"no cosines to draw: {len(w)} active neurons with an amplitude, it takes two")
    found = groups(w, amplitude if weighted else np.ones(len(w)), lines=lines)
    shown = np.sort(np.argsort(-amplitude, kind="stable")[:MOST])
    member, sign = found.member[shown], found.sign[shown]
    units = w[shown] / np.linalg.norm(w[shown], axis=1, keepdims=True)
    cosines = units @ units.T
    place = ordered(cosines, member, sign, lines)
    ax = axes(ax)
    side = len(shown)
    ax.imshow(
        cosines[np.ix_(place, place)],
        cmap=current().signed_map,
        norm=_RANGE,
        extent=(0, side, side, 0),
        interpolation="nearest",
    )
    _frames(ax, member[place], found.shares)
    ax.set(xlabel="neurons, ordered", ylabel="neurons, ordered", xlim=(0, side), ylim=(side, 0))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator("auto", integer=True))
    ax.set_title(_title(found, len(w), side, lines, _weight(neurons) if weighted else ""))
    if bar:
        cosine_bar(ax, ax)
    return ax


def cosine_bar(ax: Axes, beside: Any) -> None:
    """Draw the colour bar of cosines beside axes, one or several."""
    bar = ax.figure.colorbar(
        ScalarMappable(_RANGE, current().signed_map), ax=beside, pad=0.02, aspect=30, ticks=[-1, -0.5, 0, 0.5, 1]
    )
    bar.set_label("cosine between neurons   (1: same direction, −1: opposite)")


def ordered(
    cosines: Values, member: NDArray[np.int64], sign: NDArray[np.int64], lines: bool = True
) -> NDArray[np.int64]:
    """Return an order of neurons in which those of one group are neighbours.

    The two leading eigenvectors of the matrix place each neuron in a plane, a group at the mean of its neurons,
    those opposite turned around. Groups follow each other by the angle there, of lines modulo pi, so similar ones are
    near, neurons likewise in their group, opposite ones last; at the end those of no group (-1).
    """
    values, vectors = np.linalg.eigh(cosines)
    leading = vectors[:, -2:] * np.sqrt(values[-2:].clip(min=0))
    leading *= np.where(leading.sum(axis=0) < 0, -1.0, 1.0)
    leading *= sign[:, None]
    names, index = np.unique(member, return_inverse=True)
    means = np.stack([leading[member == name].mean(axis=0) for name in names])
    of_group, own = (_turned(np.arctan2(points[:, 0], points[:, 1]), lines) for points in (means, leading))
    return np.lexsort([own, -sign, member, of_group[index], member < 0])


def _turned(angles: Values, lines: bool) -> Values:
    """Cut the circle of angles at its widest gap, and return the angles from there on."""
    period = np.pi if lines else 2 * np.pi
    around = np.sort(angles % period)
    gaps = np.diff(around, append=around[0] + period)
    begin = around[(gaps.argmax() + 1) % len(around)]
    return np.asarray((angles - begin) % period)


def _active(neurons: pd.DataFrame | Values) -> tuple[Values, Values]:
    """Return weights and amplitudes of the neurons that count."""
    if isinstance(neurons, pd.DataFrame):
        active = neurons[neurons["active"] & (neurons["amplitude"] > 0)]
        return coordinates(active), active["amplitude"].to_numpy(np.float64)
    w = np.asarray(neurons, np.float64)
    lengths = np.linalg.norm(w, axis=1)
    return w[lengths > 0], lengths[lengths > 0]


def _frames(ax: Axes, member: NDArray[np.int64], shares: Values) -> None:
    """Frame each group of two neurons or more on the diagonal, and write its share where there is room."""
    for name in np.unique(member[member >= 0]):
        inside = np.flatnonzero(member == name)
        start, count = inside[0], len(inside)
        if count >= 2:
            ax.add_patch(Rectangle((start, start), count, count, fill=False, edgecolor="black", lw=1.4))
        if count >= _ROOM * len(member):
            look: dict[str, Any] = {"fontsize": "small", "ha": "center", "va": "center", "path_effects": _HALO}
            ax.text(start + count / 2, start + count / 2, f"{shares[name]:.0%}", **look)
        elif shares[name] >= _LARGE:
            beside: dict[str, Any] = {"fontsize": "small", "ha": "right" if 2 * start > len(member) else "left"}
            place = start if 2 * start > len(member) else start + count
            ax.text(place, start + count / 2, f" {shares[name]:.0%} ", va="center", path_effects=_HALO, **beside)


def _weight(neurons: pd.DataFrame | Values) -> str:
    """Name what neurons are weighted by: |a||w|, or the length of their weights where there is no a."""
    return "amplitude" if isinstance(neurons, pd.DataFrame) and "a" in neurons else "length"


def _title(found: Groups, total: int, shown: int, lines: bool, weight: str) -> str:
    noun, verb = "line" if lines else "direction", "carry" if weight else "hold"
    noun, verb = (noun, {"carry": "carries", "hold": "holds"}[verb]) if len(found) == 1 else (f"{noun}s", verb)
    what = f"{verb} 99 % of the {weight or 'neurons'}"
    some = f"{total} neurons" if shown == total else f"{shown} of {total} neurons, those of largest {weight or 'size'}"
    return f"{found.count} {noun} {what}\n{some}"
