"""Packing: which jobs one process computes together."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

from sweeps.folder.spec import JobSpec
from sweeps.text import duration

__all__ = ["NotEnoughMemoryError", "balanced", "check_memory", "describe", "multiple", "packs_for"]


class NotEnoughMemoryError(ValueError):
    """A job needs more memory than a process may take."""


def balanced(specs: Sequence[JobSpec], packs: int, most: int | None = None) -> list[list[JobSpec]]:
    """Return the orders in at most this many packs of about equal cost, those within a pack in their given order.

    The dearest job goes first, each into the pack that is cheapest so far: the dearest pack is at most 4/3 of the
    best possible (Graham 1969). No pack has more than `most` jobs, for which packs x most must be enough.

    >>> specs = [JobSpec(str(cost), (), {}, (), cost) for cost in (1, 5, 2, 4)]
    >>> [[spec.cost for spec in pack] for pack in balanced(specs, 2)]
    [[1, 5], [2, 4]]
    >>> [[spec.cost for spec in pack] for pack in balanced([*specs, JobSpec("0", (), {}, (), 0)], 3, most=2)]
    [[5], [4, 0], [1, 2]]
    """
    heap = [(0.0, k) for k in range(min(packs, len(specs)))]
    places: list[list[int]] = [[] for _ in heap]
    for place in sorted(range(len(specs)), key=lambda place: -specs[place].cost):
        cost, k = heapq.heappop(heap)
        places[k].append(place)
        if most is None or len(places[k]) < most:
            heapq.heappush(heap, (cost + specs[place].cost, k))
    return [[specs[place] for place in sorted(pack)] for pack in places]


def multiple(jobs: int, pack: int) -> int:
    """Return the least multiple of the size of a pack that is no less.

    >>> multiple(8, 3)
    9
    """
    return pack * math.ceil(jobs / pack)


def packs_for(specs: Sequence[JobSpec], points: int | None, minutes: float) -> int:
    """Return how many packs to make: with so many points in each, else so long that each takes about these minutes."""
    if points is not None:
        return math.ceil(len(specs) / points)
    return max(1, math.ceil(sum(spec.cost for spec in specs) / (60 * minutes)))


def check_memory(specs: Sequence[JobSpec], memory_gb: float | None) -> None:
    """Raise NotEnoughMemoryError if a single job cannot be computed within this memory."""
    largest = max(specs, key=lambda spec: spec.memory_gb, default=None)
    if largest is not None and memory_gb is not None and largest.memory_gb > memory_gb:
        raise NotEnoughMemoryError(
            f"hydra.launcher.mem_gb = {memory_gb:.3g} is not enough: {largest.name} needs about "
            f"{largest.memory_gb:.3g} GB for its largest run. Allow more with hydra.launcher.mem_gb=.., "
            "or leave the largest width out"
        )


def describe(packs: Sequence[Sequence[JobSpec]]) -> str:
    """Return what packs come to, in words.

    >>> describe([[JobSpec("a", (), {}, (), 60.0), JobSpec("b", (), {}, (), 40.0)], [JobSpec("c", (), {}, (), 20.0)]])
    '3 points in 2 tasks, about 2 min of computing on one core, 100 s in the longest task'
    """
    costs = [sum(spec.cost for spec in pack) for pack in packs]
    tasks = "1 task" if len(packs) == 1 else f"{len(packs)} tasks"
    times = f"about {duration(sum(costs))} of computing on one core, {duration(max(costs))} in the longest task"
    return f"{sum(map(len, packs))} points in {tasks}, {times}"
