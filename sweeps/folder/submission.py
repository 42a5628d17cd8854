"""A submission: the packs that one launch handed out, how they were handed out, and the word each has left."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from durable.files import DiskFullError, overwrite, read_json, replacing, together, write_json
from sweeps.folder.code import fingerprint, installed
from sweeps.folder.spec import JobSpec

__all__ = ["AGAIN", "BROKE", "ENDED", "LEFT", "REFUSED", "RUNNING", "STATE_FOLDER"]
__all__ += ["Submission", "Word", "submissions"]

STATE_FOLDER = ".sweep"
"""What the orchestration keeps, in the sweep's folder."""

TASK_FILE = "task.pkl"

RUNNING, ENDED, LEFT, AGAIN, REFUSED, BROKE = "running", "ended", "left", "again", "refused", "broke"


@dataclass(frozen=True)
class Word:
    """The last word of a worker on its pack. Its file is touched every few seconds while the worker lives."""

    # running; ended: all was tried; left: told to stop; again: told to stop, and queued again; refused: the code is not
    # what was submitted; broke: an error of its own
    phase: str
    attempt: int
    host: str
    pid: int
    job_id: str  # Slurm's
    started: float
    done: float = 0.0  # cost of the results it has put on disk
    before: float = 0.0  # and of those of earlier attempts
    reason: str = ""

    @classmethod
    def of_nobody(cls) -> Word:
        """Return the word on a pack that no worker has started on."""
        return cls(phase=LEFT, attempt=0, host="", pid=0, job_id="", started=0.0)


@dataclass(frozen=True)
class Submission:
    """One launch; the folder holds submission.json, the packs' jobs in 000.json, 001.json, ... and their words."""

    folder: Path
    backend: str  # where it runs: local or slurm
    parameters: Mapping[str, Any]  # of the backend
    job: str | None  # what makes jobs of configs; None: the task function runs them one by one
    packs: Sequence[Sequence[str]]  # names of the jobs
    hydra: Mapping[str, Any] = field(repr=False)
    code: Mapping[str, str] = field(repr=False)
    alone: bool = False  # packs of one job, made because an earlier pack was killed
    fail_fast: bool = False  # all of it ends once a job has failed
    cwd: str = field(default_factory=os.getcwd)
    path: Sequence[str] = field(default_factory=lambda: list(sys.path), repr=False)
    installed: Sequence[str] = field(default_factory=installed, repr=False)  # folders of the interpreter
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)  # of the process that launched it
    time: float = field(default_factory=time.time)

    def search_path(self, own: Sequence[str]) -> list[str]:
        """Return where an interpreter whose path is given looks for code: that of the user first, but not what is
        installed for the interpreter that launched this, if it is another.
        """
        folders = [Path(folder) for folder in self.installed]
        theirs = {each for each in self.path for folder in folders if folder in (Path(each), *Path(each).parents)}
        return list(dict.fromkeys([*(each for each in self.path if each in own or each not in theirs), *own]))

    @property
    def sweep(self) -> Path:
        """The sweep's folder."""
        return self.folder.parent.parent

    @property
    def scratch(self) -> Path:
        """Where long work keeps its state, shared by all submissions of the sweep."""
        return self.folder.parent / "checkpoints"

    @classmethod
    def create(
        cls,
        sweep: Path,
        packs: Sequence[Sequence[JobSpec]],
        task: bytes | None = None,
        files: Iterable[str] = (),
        **fields: Any,
    ) -> Submission:
        """Write a new submission; nothing runs yet. The sweep's lock must be held.

        Args:
            task: the task function of an app without jobs of its own, frozen.
            files: source files that matter although they are not loaded here.
        """
        number = 1 + max((int(each.folder.name) for each in submissions(sweep)), default=0)
        names = [[spec.name for spec in pack] for pack in packs]
        made = cls(
            folder=sweep.resolve() / STATE_FOLDER / f"{number:03d}",
            packs=names,
            code=fingerprint([fields["job"] or "", "sweeps", "durable"], files),
            **fields,
        )
        with together():
            for k, pack in enumerate(packs):
                write_json(made._file(k, "json"), [spec.plain() for spec in pack])
            if task is not None:
                with replacing(made.folder / TASK_FILE) as unfinished:
                    unfinished.write_bytes(task)
        made._write()
        return made

    def keep(self, packs: int) -> None:
        """Take back all but so many of the first packs, which the backend did not take, as far as it told.

        The folder and its number stay: a queue that did take them would otherwise meet others there.
        """
        replace(self, packs=self.packs[:packs])._write()

    @classmethod
    def read(cls, folder: Path) -> Submission:
        """Return the submission of a folder."""
        path = folder / "submission.json"
        submission: Submission | None = read_json(path, lambda plain: cls(folder.resolve(), plain.pop("site"), **plain))
        if submission is None:
            raise ValueError(f"{path} is not there, which says what was submitted")
        return submission

    @property
    def task(self) -> bytes:
        """The task function of an app without jobs of its own, frozen."""
        return (self.folder / TASK_FILE).read_bytes()

    def specs(self, k: int) -> list[JobSpec]:
        """Return the specs of a pack."""
        return list(read_json(self._file(k, "json"), lambda plain: [JobSpec.read(each) for each in plain]))

    def handed_on(self) -> set[tuple[str, str]]:
        """Return the results, by job and key, that were handed out again after this."""
        later = _read(self.sweep, after=int(self.folder.name))
        specs = [spec for each in later for k in range(len(each.packs)) for spec in each.specs(k)]
        return {(spec.name, key) for spec in specs for key in spec.wanted}

    def log(self, k: int) -> Path:
        """Return where a local worker's output goes."""
        return self._file(k, "log")

    def word_file(self, k: int) -> Path:
        """Return the file of a pack's word."""
        return self._file(k, "word.json")

    def word(self, k: int) -> Word | None:
        """Return the last word on a pack, None if no worker has started on it or a crash has damaged it."""
        try:
            word: Word | None = read_json(self.word_file(k), lambda plain: Word(**plain))
        except ValueError:
            return None
        return word

    def say(self, k: int, word: Word, **changes: Any) -> Word:
        """Leave a word on a pack."""
        word = replace(word, **changes)
        try:
            write_json(self.word_file(k), asdict(word))
        except DiskFullError:
            overwrite(self.word_file(k), json.dumps(asdict(word)))
        return word

    @property
    def failed(self) -> str | None:
        """The first job that failed, of a submission that ends with it."""
        return read_json(self._failed_file) if self.fail_fast else None

    @property
    def stopped(self) -> str:
        """Why its workers leave, or were ended before they began, once a job has failed."""
        return f"stopped as {self.failed} failed; what was finished is kept"

    def fail(self, name: str) -> None:
        """Note that a job failed, for all workers to see."""
        if self.failed is None:
            write_json(self._failed_file, name)

    @property
    def _failed_file(self) -> Path:
        return self.folder / "failed.json"

    def heard(self, k: int) -> float:
        """Return how many seconds ago the worker of a pack gave a sign of life."""
        return time.time() - self.word_file(k).stat().st_mtime

    def _write(self) -> None:
        plain = asdict(self)
        folder, backend = plain.pop("folder"), plain.pop("backend")
        write_json(folder / "submission.json", {"site": backend, **plain})

    def _file(self, k: int, suffix: str) -> Path:
        return self.folder / f"{k:03d}.{suffix}"


def submissions(sweep: Path) -> list[Submission]:
    """Return the submissions of a sweep, the oldest first."""
    return _read(sweep, after=0)


def _read(sweep: Path, after: int) -> list[Submission]:
    folders = {int(file.parent.name): file.parent for file in sweep.glob(f"{STATE_FOLDER}/*/submission.json")}
    return [Submission.read(folders[number]) for number in sorted(folders) if number > after]
