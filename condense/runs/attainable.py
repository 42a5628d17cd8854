"""Whether networks can reach the stop on their data: what no training can change is refused before it starts."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from condense import schema
from condense.data import Dataset

__all__ = ["VANISHING", "Floor", "check", "floor"]

VANISHING = frozenset({"relu", "leaky_relu", "tanh", "x_tanh", "x2_tanh", "gelu"})
"""Activations with s(0) = 0: without a bias such networks are 0 where the input is."""

LARGEST = {"float64": 1e50, "float32": 1e18}
"""Beyond these the squares of values overflow on the way, or kernels are taken for infinite."""


class Floor(NamedTuple):
    """The mean square residual that no network falls below, and two rows with one input that show why.

    They are one and the same row where its input is 0 and with it any network.
    """

    mse: float
    row: int
    other: int


@functools.lru_cache(maxsize=16)
def floor(data: Dataset, dtype: str = "float64", vanishing: bool = False) -> Floor:
    """Return the floor (1/n) sum_i (y_i - c(x_i))^2, c(x) the mean target of the rows whose input is x.

    With `vanishing`, c(0) = 0. Inputs are compared in the precision of `dtype`.
    """
    x, y = data.x.astype(dtype) + 0.0, data.y
    group = np.unique(x, axis=0, return_inverse=True)[1].reshape(-1)
    center = np.bincount(group, y) / np.bincount(group)
    if vanishing:
        center[group[~x.any(axis=1)]] = 0.0
    excess = y - center[group]
    worst = int(np.abs(excess).argmax())
    same = np.flatnonzero(group == group[worst])
    return Floor(float(np.mean(excess**2)), worst, int(same[np.abs(y[same] - y[worst]).argmax()]))


def check(config: schema.Config, data: Dataset, layered: bool) -> None:
    """Refuse data on which the stop is met before the first step, or never.

    With flow.stop=0 training goes on for flow.max_steps or until nothing moves, whatever the data.

    Raises:
        ValueError: the rows, the floor of the mean square residual, and what to do.
    """
    _check_size(data, config.dtype)
    stop = config.flow.stop * (float(np.mean(data.y**2)) if config.flow.relative else 1.0)
    if stop > 0:
        if config.init.antisymmetric:
            _check_start(data, stop)
        vanishing = layered and not config.network.bias and config.network.activation in VANISHING
        _check_floor(data, floor(data, config.dtype, vanishing), stop)


def _check_size(data: Dataset, dtype: str) -> None:
    for label, values in (("x", data.x), ("y", data.y)):
        place = np.unravel_index(np.abs(values).argmax(), values.shape)
        if abs(values[place]) > LARGEST[dtype]:
            raise ValueError(
                f"{data.name}: {label} is {values[place]:g} at {data.place(int(place[0]))}: squares overflow in "
                f"{dtype}; scale {label} to size 1"
            )


def _check_start(data: Dataset, stop: float) -> None:
    start = float(np.mean(data.y**2))
    if start <= stop:
        raise ValueError(
            f"{data.name}: the mean square target is {start:.3g}, and a network that starts at 0 meets the stop at "
            f"{stop:.3g} untrained; take a smaller flow.stop, flow.stop=1e-4 flow.relative=true, or larger targets"
        )


def _check_floor(data: Dataset, lowest: Floor, stop: float) -> None:
    if lowest.mse <= stop:
        return
    row, other = sorted([lowest.row, lowest.other])
    if data.y[row] == data.y[other]:
        why = f"{data.place(row)} is 0 and its target {data.y[row]:g}, and a network without bias is 0 there"
        remedy = "Take network.bias=true or leave such rows out"
    else:
        targets = f"the targets {data.y[row]:g} and {data.y[other]:g}"
        why = f"{data.place(row)} and {data.place(other)} are one input with {targets}"
        remedy = "Average the targets of equal inputs or leave rows out"
    raise ValueError(
        f"{data.name}: {why}: no mean square residual is below {lowest.mse:.3g}, and the stop at {stop:.3g} is never "
        f"reached. {remedy}; or take a flow.stop above that, or flow.stop=0 to train for flow.max_steps"
    )
