"""Launching: what a sweep lacks and nobody works on, in packs, by a backend; and watching over it to its end."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console

from sweeps.backends import Backend, SubmissionError
from sweeps.backends.packing import check_memory
from sweeps.folder.spec import JobSpec
from sweeps.folder.submission import Submission
from sweeps.job import ERROR_FILE
from sweeps.status.progress import watched
from sweeps.status.sweep import MISSING, NoSweepError, Sweep, job_class

__all__ = ["FailedFastError", "Launch", "wait"]


class FailedFastError(ValueError):
    """A job failed, and the others were ended for it; the message names it and says how to go on."""


@dataclass
class Launch:
    """A sweep, the backend that is to compute it, and what its jobs share of Hydra's own config."""

    sweep: Sweep
    backend: Backend
    hydra: Mapping[str, Any] = field(repr=False)
    task: bytes | None = field(default=None, repr=False)
    place: Mapping[str, Any] = field(default_factory=dict, repr=False)  # where workers start, if not from here
    fail_fast: bool = False  # all ends once a job has failed
    _handed: list[Submission] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def again(cls, sweep: Sweep, backend: Backend) -> Launch:
        """Return a launch of what a sweep lacks, as it was submitted last, whatever folder this process is in.

        Raises:
            NoSweepError: one of Hydra's own launchers ran it; they leave nothing to go by.
        """
        if not sweep.submissions:
            raise NoSweepError(
                f"{sweep.folder} was launched without hydra/launcher=local or slurm: "
                "the command that made it, run again, computes what is missing"
            )
        last = sweep.submissions[-1]
        place = {"cwd": last.cwd, "path": last.path, "installed": last.installed, "files": list(last.code)}
        task = last.task if sweep.job is None else None
        return cls(sweep, backend, last.hydra, task, place, last.fail_fast)

    def check(self) -> None:
        """Raise OtherJobError if what is left is not what was submitted: the code it needs is other code now."""
        if self.sweep.job is not None:
            sys.path[:] = self.sweep.submissions[-1].search_path(sys.path)
            for spec in self.sweep.undone(self.sweep.look()):
                spec.job(job_class(self.sweep.job))

    def submit(self, lost: bool = False) -> Submission | None:
        """Hand out what lacks results and nobody works on; None if that is nothing. The sweep's lock must be held.

        Args:
            lost: whether what seems queued or running is handed out too.

        Raises:
            NotEnoughMemoryError: a job is too large; nothing is handed out.
            SubmissionError: the backend refused.
        """
        if lost:
            self.sweep.give_up()
        todo = self.sweep.undone(self.sweep.look())
        backend = self.backend.fitted(todo)
        check_memory(todo, backend.memory_gb)
        return self._hand_out(backend.packs(todo)) if todo else None

    def _hand_out(self, packs: Sequence[Sequence[JobSpec]], alone: bool = False) -> Submission:
        submission = Submission.create(
            self.sweep.folder,
            packs,
            backend=self.backend.kind,
            parameters=asdict(self.backend),
            job=self.sweep.job,
            hydra=self.hydra,
            task=self.task,
            alone=alone,
            fail_fast=self.fail_fast,
            **self.place,
        )
        self._handed.append(submission)
        for name in {spec.name for pack in packs for spec in pack}:
            (self.sweep.folder / name / ERROR_FILE).unlink(missing_ok=True)
        try:
            self.backend.start(submission)
        except SubmissionError as error:
            submission.keep(error.handed_out)
            raise
        return submission

    def attend(self, console: Console) -> None:
        """Wait until no pack of the sweep lives, then give jobs whose worker was killed one more try, alone.

        An interrupt ends what was handed out here, if the backend is such, lets it save, and goes on up.

        Raises:
            FailedFastError: a job failed, and all of what was handed out has ended with it.
        """
        try:
            wait(self.sweep, console, self._end_if_failed)
            while self._failed() is None and self._once_more(console):
                wait(self.sweep, console, self._end_if_failed)
        except KeyboardInterrupt:
            if self.backend.ends_with_launcher:
                self.backend.cancel(self._handed)
                _until_gone(self.sweep)
            raise
        name = self._failed()
        if name is not None:
            [status] = [each for each in self.sweep.look() if each.name == name]
            raise FailedFastError(
                f"stopped at the first point that failed, as hydra.sweeper.fail_fast says: {name}: {status.reason}\n"
                "What was finished is kept. Mend it, and the same command again goes on; with "
                "hydra.sweeper.fail_fast=false it computes the other points too"
            )

    def _failed(self) -> str | None:
        """Return the job whose failure ends what was handed out here."""
        return next((each.failed for each in self._handed if each.failed is not None), None)

    def _end_if_failed(self) -> None:
        """End what has not seen yet that a job failed: tasks that wait in a queue, too."""
        if self.fail_fast and self._failed() is not None:
            with contextlib.suppress(ValueError):  # Slurm does not answer: workers look for themselves
                self.backend.cancel(self._handed)

    def _once_more(self, console: Console) -> bool:
        """Hand out, one a pack, jobs that lost their worker in company; return whether there are any."""
        with self.sweep.locked():
            statuses = self.sweep.look()
            killed = {each.name for each in statuses if each.killed and not self._was_alone(each.name)}
            specs = [spec for spec in self.sweep.undone(statuses, [MISSING]) if spec.name in killed]
            if specs:
                told = f"{len(killed)} points lost their worker: once more, each in a process of its own"
                console.print(told, highlight=False)
                self._hand_out([[spec] for spec in specs][: self.backend.at_once], alone=True)
            return bool(specs)

    def _was_alone(self, name: str) -> bool:
        last = [each for each in self.sweep.submissions if any(name in pack for pack in each.packs)][-1]
        return last.alone


def wait(sweep: Sweep, console: Console, look: Callable[[], None] = lambda: None) -> None:
    """Return when no pack of the sweep lives; show the progress meanwhile, and call `look` now and then."""
    live = sweep.live()
    if not live:
        return
    statuses = sweep.look(live)
    left, before, patience = sweep.left(statuses), _done(sweep), sweep.patience
    with watched(lambda: left - (_done(sweep) - before), sweep.total, console, patience):
        while sweep.live():
            look()
            sweep.pause()


def _done(sweep: Sweep) -> float:
    """Return the cost of what workers have put on disk, as they say."""
    words = [each.word(k) for each in sweep.submissions for k in range(len(each.packs))]
    return sum(word.before + word.done for word in words if word is not None)


def _until_gone(sweep: Sweep, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while sweep.live() and time.monotonic() < deadline:
        time.sleep(0.1)
