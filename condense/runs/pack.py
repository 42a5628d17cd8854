"""Jobs computed together as one piece of work: what is missing in their folders, batch by batch, onto disk."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from condense import records
from condense.runs.batches import Batch, Member, batches
from condense.runs.ledger import PATIENCE, Ledger
from condense.runs.problem import Problem
from condense.runs.scratch import Scratch
from condense.runs.training import Failure, Progress, Trainer
from durable import files
from durable.execution import Execution

__all__ = ["ERROR_FILE", "Pack"]

ERROR_FILE = "error.txt"

WORTH_SAVING = 3.0
"""Seconds: a batch younger than this is computed again sooner than the program is started to go on with it."""


class Pack:
    """The missing runs of some jobs, each job with its folder.

    Args:
        wanted: the keys of the runs of each job that are meant; None: of all jobs all runs.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        folders: Sequence[Path],
        wanted: Sequence[Collection[str]] | None = None,
        execution: Execution = Execution(),
    ) -> None:
        self._folders, self._execution = folders, execution
        self._scratch, self._ledger = Scratch(execution.scratch), Ledger(folders)
        self._missing = {(member.job, member.key): member for member in _missing(problems, folders, wanted)}
        self.failures: dict[int, Failure] = {}

    def compute(self) -> dict[int, Failure]:
        """Compute what is missing, unless told to stop, and return the failure of every job that raised."""
        try:
            finished = all(self._train(batch) for batch in self._batches())
            self._mark_unfinished()
        finally:
            self._flush()
        for job, folder in enumerate(self._folders):
            if finished and job not in self.failures:
                (folder / ERROR_FILE).unlink(missing_ok=True)
        return self.failures

    def _batches(self) -> Iterator[Batch]:
        """Return what goes on from a checkpoint, and then the rest from small widths to large."""
        fresh = dict(self._missing)
        for source, members in self._scratch.find(self._missing.values()):
            for member in members:
                del fresh[member.job, member.key]
            yield from batches(members, self._execution.memory_gb, source)
        yield from batches(fresh.values(), self._execution.memory_gb)

    def _train(self, batch: Batch) -> bool:
        """Train a batch, and return whether to go on with the next."""
        batch = batch.without(self.failures)
        if batch.seconds > PATIENCE:
            self._flush()
        if self._execution.stop():
            return False
        started = saved = time.monotonic()
        trainer = Trainer(batch)
        for progress in trainer:
            self._take(progress)
            now = time.monotonic()
            if self._execution.stop():
                if now - started > WORTH_SAVING:
                    self._save(trainer)
                return False
            if now - saved > 60 * self._execution.checkpoint_minutes:
                self._save(trainer)
                saved = now
        return True

    def _take(self, progress: Progress) -> None:
        with files.together():
            for member, snapshot in progress.snapshots:
                snapshot.write(self._folders[member.job])
        for member, row in progress.ended:
            self._ledger.add(member, {**row, "attempt": self._execution.attempt})
            del self._missing[member.job, member.key]
        for member, failure in progress.failed:
            if member.job not in self.failures:
                self._tell(member.job, failure)
        if self._ledger.due:
            self._flush()

    def _save(self, trainer: Trainer) -> None:
        self._flush()
        self._scratch.save(trainer.rest, self._folders)

    def _flush(self) -> None:
        written = self._ledger.flush()
        if written:
            self._execution.done(sum(member.seconds for member in written))
        self._scratch.tidy({key for _, key in self._missing})

    def _tell(self, job: int, failure: Failure) -> None:
        """Leave the traceback of a job that raised, at once: a sweep may be to end with it."""
        self.failures[job] = failure
        files.write(self._folders[job] / ERROR_FILE, failure.text)

    def _mark_unfinished(self) -> None:
        """Mark the unfinished runs of jobs that raised as failed."""
        for member in [member for member in self._missing.values() if member.job in self.failures]:
            error = self.failures[member.job].error
            row = {**member.problem.row(member.run), "attempt": self._execution.attempt}
            self._ledger.add(member, {**row, "status": "failed", "error": f"{type(error).__name__}: {error}"})


def _missing(
    problems: Sequence[Problem], folders: Sequence[Path], wanted: Sequence[Collection[str]] | None
) -> Iterator[Member]:
    meant: Sequence[Collection[str]] = [problem.runs for problem in problems] if wanted is None else wanted
    for job, (problem, folder, keys) in enumerate(zip(problems, folders, meant, strict=True)):
        held = records.held(folder / records.FILE)
        for key, run in problem.runs.items():
            if key in keys and (key not in held or held[key][0] == "failed"):
                yield Member(problem, run, job)
