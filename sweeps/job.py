"""What the orchestration asks of a job. Which class answers is named in the config (`job: condense.job.Job`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from durable.execution import Execution

__all__ = ["ERROR_FILE", "FAILED", "Job"]

ERROR_FILE = "error.txt"
"""Where a job that raised leaves its traceback, in its folder."""

FAILED = "failed"
"""The state of a result whose run raised: it is there to be read, and computed again by the next launch."""


class Job(Protocol):
    """A job made of one composed config, given as plain containers with interpolations resolved.

    Raises:
        ValueError: something in the config is not allowed; the message says what is.
    """

    def __init__(self, config: Mapping[str, Any]) -> None: ...

    @property
    def name(self) -> str:
        """Its folder below the sweep's."""

    @property
    def named_by(self) -> tuple[str, ...]:
        """The config keys that its name tells already; other keys that vary in a sweep are added to the folder name."""

    @property
    def follows(self) -> Mapping[str, Collection[str]]:
        """The settings, by a config key, that follow from it without lying below it: other where the key is swept."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What it shares with all jobs of a sweep, by dotted config key."""

    @property
    def sources(self) -> Mapping[str, str]:
        """The hashes of the user's code that its results depend on, by name; jobs of a sweep may use different code."""

    @staticmethod
    def accepting(sources: Mapping[str, str]) -> str:
        """Return the override by which results of this code count as those of the code as it is now."""

    @property
    def wanted(self) -> Sequence[str]:
        """The keys of its results."""

    @property
    def cost(self) -> float:
        """About how many seconds it takes by itself."""

    @property
    def memory_gb(self) -> float:
        """About how much memory the largest piece of it takes that cannot be split, the program itself included."""

    def value(self, folder: Path) -> Any:
        """Return what sweepers that seek the best are told of a job whose results are all in its folder.

        Raises:
            ValueError: there is no such value; the message says why.
        """

    @staticmethod
    def held(folder: Path) -> Mapping[str, tuple[str, str]]:
        """Return what a folder holds: for the key of each result its state and its origin (the code it came from)."""

    @classmethod
    def run_together(
        cls,
        jobs: Sequence[Self],
        folders: Sequence[Path],
        wanted: Sequence[Collection[str]],
        execution: Execution,
    ) -> None:
        """Compute which of these results are missing in the jobs' folders, all of it as one piece of work.

        Results are on disk, each in its job's folder, before they count as done. A job that raises leaves its
        traceback in ERROR_FILE and does not disturb the others.

        Args:
            wanted: the keys of the results of each job that are to be computed; others may be others' work.
            execution: when to stop, what may be taken, where long work is saved, who is told.
        """
