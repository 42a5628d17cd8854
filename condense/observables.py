"""What is measured when a run ends: functions from the ended runs to columns of their records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condense.clusters import Cover, covers, mean_abs_cosine
from condense.flows.base import State
from condense.networks.base import Network, Theta
from condense.schema import Measure

__all__ = ["Columns", "Observable", "clusters", "relative_change"]

Columns = dict[str, list[Any]]
Observable = Callable[[State, Measure], Columns]

REMEMBERED = 64
"""Covers of initial weights kept: every plane point starts from the same draw."""


def relative_change(state: State, measure: Measure) -> Columns:
    """Return RD = |theta - theta(0)| / |theta(0)| of every block and of all, final and as supremum over the steps."""
    final = state.stage.relative_change()
    columns = {f"rd_{block}": change.tolist() for block, change in final.items()}
    return {**columns, **{f"rd_{block}_sup": change.tolist() for block, change in state.sup.items()}}


def clusters(state: State, measure: Measure) -> Columns:
    """Return the number of directions and lines that cover the neurons, before and after; none without neurons."""
    drawn, draw = state.network.of_draws()
    before = [_initial_cover(neurons, measure) for neurons in _neurons(drawn, drawn.rest)]
    after = _neurons(state.network, state.displacement)
    rows = [_row(neurons, before[which], measure) for neurons, which in zip(after, draw.tolist(), strict=False)]
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


@dataclass(frozen=True)
class _Neurons:
    """The active neurons of one network: unit directions (d, m) and amplitudes (m,)."""

    directions: NDArray[np.float64]
    amplitudes: NDArray[np.float64]

    def covers(self, measure: Measure, lines: Sequence[bool] = (False, True)) -> list[Cover]:
        """Return the covers of directions and of lines by the rule of `measure`."""
        return covers(
            self.directions,
            self.amplitudes,
            threshold=measure.threshold,
            fraction=measure.fraction,
            most=measure.clusters_max,
            candidates=measure.centres,
            lines=lines,
        )


def _neurons(network: Network, displacement: Theta) -> Iterator[_Neurons]:
    found = network.neurons(displacement)
    for run in zip(*found, strict=True) if found else ():
        directions, amplitudes, active = (x.cpu().numpy() for x in (run[0].double(), run[1].double(), run[2]))
        chosen = np.flatnonzero(active & np.isfinite(amplitudes))
        yield _Neurons(directions.take(chosen, axis=1), amplitudes.take(chosen))


_initial_covers: dict[tuple[str, int, int], Cover] = {}


def _initial_cover(neurons: _Neurons, measure: Measure) -> Cover:
    """Return the cover of initial weights, remembered by content: every plane point starts from the same draw."""
    key = repr(measure), _content(neurons.directions), _content(neurons.amplitudes)
    if key not in _initial_covers:
        if len(_initial_covers) >= REMEMBERED:
            _initial_covers.pop(next(iter(_initial_covers)))
        _initial_covers[key] = neurons.covers(measure, lines=(False,))[0]
    return _initial_covers[key]


def _content(array: NDArray[np.float64]) -> int:
    """Return a 64-bit hash of all bytes, Python's own: four times as fast as those of cryptography."""
    return hash(array.tobytes())


def _row(after: _Neurons, initial: Cover, measure: Measure) -> dict[str, Any]:
    final, lines = after.covers(measure)
    return {
        "clusters": len(final),
        "clusters_initial": len(initial),
        "clusters_capped": final.capped,
        "lines": len(lines),
        "two_direction_share": final.two_direction_share,
        "two_direction_share_initial": initial.two_direction_share,
        "mean_abs_cosine": mean_abs_cosine(after.directions),
    }
