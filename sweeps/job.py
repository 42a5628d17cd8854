"""What the orchestration asks of a job; which class answers is named in the config (hydra.sweeper.job)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

__all__ = ["ERROR_FILE", "Job", "MakeJob"]

ERROR_FILE = "error.txt"
"""Where a job that raised leaves its traceback, in its folder."""


class Job(Protocol):
    """A job made of one composed config."""

    @property
    def name(self) -> str:
        """Its folder below the sweep's."""

    @property
    def named_by(self) -> tuple[str, ...]:
        """The config keys that its name tells already; other keys that vary in a sweep are added to the folder name."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What it shares with all jobs of a sweep, by dotted config key."""

    def missing(self, folder: Path) -> list[str]:
        """Return the results that its folder does not hold yet."""

    def outcome(self, folder: Path) -> Counter[str]:
        """Return how many results ended in which state: "converged" is well, "failed" and "missing" are not there."""


MakeJob = Callable[[Any], Job]
"""Make a job of a composed config, or raise ValueError with what is not allowed in it."""
