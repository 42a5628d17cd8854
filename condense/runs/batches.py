"""Which runs are trained together: batches of equally many neurons, few first, as large as memory and cache allow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from condense.run import Run
from condense.runs import estimate
from condense.runs.problem import Problem

if TYPE_CHECKING:
    from condense.runs.checkpoint import Checkpoint

__all__ = ["Batch", "Member", "batches"]

BATCH = 2**20
"""Features (runs x neurons x data points) trained together; more runs go one batch after another."""

FUSED_BATCH = 2**22
"""The same for compiled kernels, which store no features: more would fall out of the cache, less be all overhead."""

THREE_LAYER_BATCH = 2**22
"""The same for three layers, whose features are mostly rows of the change of the m x m matrix."""

MODULES_BATCH = 2**24
"""The same for stacks of modules, of parameters and what layers give: arrays of more than 32 MB are not kept by
`condense.flows.allocator`."""


@dataclass(frozen=True)
class Member:
    """A run in a batch, with the problem that it is of and the number of its job."""

    problem: Problem
    run: Run
    job: int = 0

    @property
    def key(self) -> str:
        """That of the run."""
        return self.run.key

    @property
    def seconds(self) -> float:
        """About how long it takes by itself."""
        return estimate.seconds(self.problem, self.run.neurons)


@dataclass(frozen=True)
class Batch:
    """Runs of as many neurons and one `Problem.group`; they start anew, or go on from where a checkpoint has them.

    Those of three layers have one seed too: they share the m x m matrix that they start from.
    """

    members: tuple[Member, ...]
    source: Checkpoint | None = None

    @property
    def problem(self) -> Problem:
        """A problem that stands for all of them."""
        return self.members[0].problem

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its runs."""
        return tuple(member.key for member in self.members)

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return sum(member.seconds for member in self.members)

    def without(self, jobs: Collection[int]) -> Batch:
        """Return the batch without the runs of some jobs."""
        return replace(self, members=tuple(member for member in self.members if member.job not in jobs))

    def halves(self) -> tuple[Batch, Batch]:
        """Return its two halves."""
        middle = len(self.members) // 2
        return replace(self, members=self.members[:middle]), replace(self, members=self.members[middle:])


def batches(
    members: Iterable[Member], memory_gb: float | None = None, source: Checkpoint | None = None
) -> Iterator[Batch]:
    """Return the batches of some runs: few neurons first, each within memory as estimated, or else a single run."""
    groups: dict[tuple[object, ...], list[Member]] = {}
    for member in members:
        seed = member.run.seed if member.problem.three_layer else None
        groups.setdefault((member.run.neurons, member.problem.group, seed), []).append(member)
    for group in sorted(groups.values(), key=lambda group: group[0].run.neurons):
        count = -(-len(group) // _most(group[0], memory_gb))
        marks = [len(group) * k // count for k in range(count + 1)]
        for start, end in pairwise(marks):
            yield Batch(tuple(group[start:end]), source)


def _most(member: Member, memory_gb: float | None) -> int:
    """Return how many such runs make a batch."""
    problem, neurons = member.problem, member.run.neurons
    size = MODULES_BATCH if problem.modules else FUSED_BATCH if problem.fused else BATCH
    size = THREE_LAYER_BATCH if problem.three_layer else size
    most = size // estimate.features(problem, neurons)
    if memory_gb is not None:
        free = memory_gb - estimate.memory_gb(problem, neurons, runs=0)
        most = min(most, int(free / estimate.run_gb(problem, neurons)))
    return max(1, most)
