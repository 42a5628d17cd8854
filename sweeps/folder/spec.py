"""What is stored of a job: it as it was when it was submitted, with all that a worker needs to compute it anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from durable.folders import NAME_MAX
from sweeps.job import Job

__all__ = ["JobSpec", "OtherJobError", "merged"]


class OtherJobError(ValueError):
    """The stored config of a job makes another job than it did."""


@dataclass(frozen=True)
class JobSpec:
    """One job, frozen. Its config is resolved, so neither conf/ nor the environment can change it afterwards."""

    name: str  # of its folder, below the sweep's
    overrides: tuple[str, ...]
    config: Mapping[str, Any] = field(repr=False)
    wanted: tuple[str, ...] = field(repr=False)  # the keys of its results
    cost: float = 1.0  # seconds, about
    memory_gb: float = 0.0
    number: int = 0  # hydra.job.num
    choices: Mapping[str, Any] = field(default_factory=dict, repr=False)  # hydra.runtime.choices

    def __post_init__(self) -> None:
        parts = PurePath(self.name).parts
        if not parts or PurePath(self.name).is_absolute() or ".." in parts:
            raise ValueError(f"{self.name!r} is not allowed as the folder of a point: one below that of its sweep")
        longest = max(parts, key=_bytes)
        if _bytes(longest) > NAME_MAX:
            raise ValueError(
                f"{longest[:60]}.. is not allowed as the folder of a point: at most {NAME_MAX} bytes, not "
                f"{_bytes(longest)}. It tells the values of the keys that vary: give the command once for each "
                "value of those that are long, and hydra.sweep.dir another folder each time"
            )

    @classmethod
    def of(cls, job: Job, **fields: Any) -> JobSpec:
        """Return the order of a job."""
        return cls(wanted=tuple(job.wanted), cost=job.cost, memory_gb=job.memory_gb, **fields)

    def job(self, made: type[Job]) -> Job:
        """Return the job that was submitted.

        Raises:
            OtherJobError: what its config makes now has other results.
        """
        job = made(self.config)
        if not set(job.wanted) >= set(self.wanted):
            raise OtherJobError(
                f"{self.name} is not what was submitted: its results have other keys now, as when a data file or "
                "code of your own has changed. Give the sweep's command again; if it refuses this folder, it says how "
                "to go on"
            )
        return job

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> JobSpec:
        """Return the order of its plain form."""
        lists = {key: tuple(plain[key]) for key in ("overrides", "wanted")}
        return cls(**{**plain, **lists})

    def plain(self) -> dict[str, Any]:
        """Return its fields, all of them plain containers and values."""
        return dict(vars(self))


def merged(old: Iterable[JobSpec], new: Sequence[JobSpec]) -> list[JobSpec]:
    """Return all specs of a sweep: an old one stays as long as it wants a result that no new one of its name wants."""
    wanted: dict[str, set[str]] = {}
    for spec in new:
        wanted.setdefault(spec.name, set()).update(spec.wanted)
    kept = [spec for spec in old if not set(spec.wanted) <= wanted.get(spec.name, set())]
    return [*kept, *new]


def _bytes(name: str) -> int:
    return len(os.fsencode(name))
