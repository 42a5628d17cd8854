"""What a backend is asked: to make packs, to start them, to say which live, and to end them."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self

from front_door.paths import ROOT
from sweeps.folder.spec import JobSpec
from sweeps.folder.submission import Submission

__all__ = ["QUEUED", "RUNNING", "Backend", "Live", "SubmissionError", "worker_command"]

QUEUED, RUNNING = "queued", "running"

Live = Mapping[tuple[Path, int], str]
"""What is known to be queued or running: (a submission's folder, number of a pack) -> state; the rest is over."""

SILENCE = 120.0
"""Seconds without a sign of life after which a worker that cannot be asked for counts as dead."""


class SubmissionError(ValueError):
    """A backend refused; the message has its words.

    Args:
        handed_out: how many packs it took before, the first ones.
    """

    def __init__(self, handed_out: int, message: str) -> None:
        super().__init__(message)
        self.handed_out = handed_out


def worker_command(submission: Submission, pack: int) -> list[str]:
    """Return the command of a worker.

    The working directory is not looked in for our own packages, which something there may hide; what the user has
    there is found by the path of the submission.
    """
    start = f"import sys; sys.path.append({str(ROOT)!r}); from front_door.door import enter; enter('sweeps.worker')"
    return [sys.executable, "-u", "-P", "-c", start, str(submission.folder), str(pack)]


@dataclass
class Backend(ABC):
    """The parameters that all backends share; their names are those of hydra.launcher."""

    _target_: str = ""
    job: str | None = None  # makes a job of a config, see sweeps/job.py; null: jobs run one after another
    detach: bool = False  # submit, say how to follow, and return
    mem_gb: float | None = None  # memory of a worker
    checkpoint_minutes: float = 5.0  # between two states of long work

    kind: ClassVar[str]
    patience: ClassVar[float]
    """Seconds between two looks at what lives."""
    ends_with_launcher: ClassVar[bool]
    """Whether an interrupt of the process that waits for the packs ends them too."""

    def __post_init__(self) -> None:
        self.require("checkpoint_minutes", self.checkpoint_minutes > 0, "a number above 0")
        self.require("mem_gb", self.mem_gb is None or self.mem_gb > 0, "a number above 0, or null")

    def require(self, key: str, fine: bool, allowed: str) -> None:
        """Raise ValueError unless a parameter is fine."""
        if not fine:
            raise ValueError(f"hydra.launcher.{key} = {getattr(self, key)!r} is not allowed: {allowed}")

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Return the backend of what a user gave.

        Raises:
            ValueError: a parameter is not known, or its value is not allowed.
        """
        known = [each.name for each in fields(cls)]
        for key in plain:
            if key not in known:
                raise ValueError(f"hydra.launcher.{key} = {plain[key]!r}: {cls._unknown(str(key), known)}")
        return cls(**plain)

    @classmethod
    def _unknown(cls, key: str, known: Sequence[str]) -> str:
        """Return what to say of a parameter that is not known."""
        near = get_close_matches(key, known, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        names = ", ".join(name for name in known if not name.startswith("_"))
        return f"hydra/launcher={cls.kind} has no such parameter.{meant}\nIts parameters are {names}"

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Self:
        """Return the backend of its parameters; those of a later version are left out."""
        known = {each.name for each in fields(cls)}
        return cls(**{key: value for key, value in plain.items() if key in known})

    @property
    def memory_gb(self) -> float | None:
        """What a worker may take, None where nothing is known."""
        return self.mem_gb

    def fitted(self, specs: Sequence[JobSpec]) -> Self:
        """Return the backend with its open parameters chosen for some jobs."""
        return self

    def sharing(self, packs: int) -> Self:
        """Return the backend as it serves a submission of so many packs."""
        return self

    def filled(self, jobs: int) -> int:
        """Return this number of jobs, or the next that leaves no pack half empty."""
        return jobs

    @property
    @abstractmethod
    def at_once(self) -> int | None:
        """How many packs may be handed out at once; None: any number, the backend has a queue."""

    @abstractmethod
    def packs(self, specs: Sequence[JobSpec]) -> list[list[JobSpec]]:
        """Return the jobs in packs."""

    @abstractmethod
    def start(self, submission: Submission) -> None:
        """Hand out the packs of a submission.

        Raises:
            SubmissionError: the backend refused, with its own words; packs handed out before stay so.
        """

    @classmethod
    def pause(cls) -> None:
        """Return when it is time to look again at what lives."""
        time.sleep(cls.patience)

    @classmethod
    @abstractmethod
    def live(cls, submissions: Sequence[Submission]) -> Live:
        """Return which packs are queued or running."""

    @classmethod
    @abstractmethod
    def cancel(cls, submissions: Sequence[Submission]) -> int:
        """End what is queued or running, and return how many packs were told."""
