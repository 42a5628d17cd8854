"""Which runs are trained together: batches of equally many neurons, few first, as large as memory and cache allow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from condense import estimate
from condense.identity import Sample
from condense.problem import Problem

if TYPE_CHECKING:
    from condense.checkpoint import Checkpoint

__all__ = ["Batch", "Wanted", "batches"]

BATCH = 2**20
"""Features (runs x neurons x data points) trained together; more runs go one batch after another."""

FUSED_BATCH = 2**22
"""The same for compiled kernels, which store no features: more would fall out of the cache, less be all overhead."""


@dataclass(frozen=True)
class Wanted:
    """A run to be computed, and the number of the job it belongs to."""

    problem: Problem
    key: str
    sample: Sample
    job: int = 0

    @property
    def seconds(self) -> float:
        """About how long it takes by itself."""
        return estimate.seconds(self.problem, self.neurons)

    @property
    def neurons(self) -> int:
        """The neurons of one copy."""
        return self.sample.neurons


@dataclass(frozen=True)
class Batch:
    """Runs of as many neurons and one `Problem.group`; they start anew, or go on from where a checkpoint has them."""

    runs: tuple[Wanted, ...]
    source: Checkpoint | None = None

    @property
    def problem(self) -> Problem:
        """A problem that stands for all of them."""
        return self.runs[0].problem

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its runs."""
        return tuple(run.key for run in self.runs)

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return sum(run.seconds for run in self.runs)

    def without(self, jobs: Collection[int]) -> Batch:
        """Return the batch without the runs of some jobs."""
        return replace(self, runs=tuple(run for run in self.runs if run.job not in jobs))

    def halves(self) -> tuple[Batch, Batch]:
        """Return its two halves."""
        middle = len(self.runs) // 2
        return replace(self, runs=self.runs[:middle]), replace(self, runs=self.runs[middle:])


def batches(
    runs: Iterable[Wanted], memory_gb: float | None = None, source: Checkpoint | None = None
) -> Iterator[Batch]:
    """Return the batches of some runs: few neurons first, each within memory as estimated, or else a single run."""
    groups: dict[tuple[object, ...], list[Wanted]] = {}
    for run in runs:
        groups.setdefault((run.neurons, run.problem.group), []).append(run)
    for group in sorted(groups.values(), key=lambda group: group[0].neurons):
        count = -(-len(group) // _most(group[0], memory_gb))
        marks = [len(group) * k // count for k in range(count + 1)]
        for start, end in pairwise(marks):
            yield Batch(tuple(group[start:end]), source)


def _most(run: Wanted, memory_gb: float | None) -> int:
    """Return how many such runs make a batch."""
    problem, neurons = run.problem, run.neurons
    most = (FUSED_BATCH if problem.fused else BATCH) // estimate.features(problem, neurons)
    if memory_gb is not None:
        free = memory_gb - estimate.memory_gb(problem, neurons, runs=0)
        most = min(most, int(free / estimate.run_gb(problem, neurons)))
    return max(1, most)
