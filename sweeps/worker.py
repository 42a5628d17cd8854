"""A worker: computes one pack of a submission and leaves a word on how it went.

    python -m sweeps.worker SUBMISSION PACK

In a job array the task's index is added to PACK.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Set
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from durable.execution import Execution
from durable.files import together
from front_door.door import enter
from sweeps.alone import TaskCall
from sweeps.backends import BACKENDS, Slurm, allocation
from sweeps.folder import code
from sweeps.folder.hydra_files import hydra_node, write_hydra_files
from sweeps.folder.spec import JobSpec
from sweeps.folder.submission import AGAIN, BROKE, ENDED, LEFT, REFUSED, RUNNING, Submission, Word
from sweeps.job import ERROR_FILE, FAILED, Job
from sweeps.status.sweep import job_class

__all__ = ["Worker"]

HEARTBEAT = 10.0
"""Seconds between two signs of life."""

PATIENCE = 50
"""A look at which jobs have failed is not taken again before so many times the time it took are over."""

EXIT_FAILED, EXIT_REFUSED = 1, 3


class Left(BaseException):
    """Told to stop in the middle of a task function, which has no other place to notice."""


class Worker:
    """A process at work on a pack."""

    def __init__(self, submission: Submission, k: int) -> None:
        self.submission, self.k = submission, k
        self.backend = BACKENDS[submission.backend].read(submission.parameters)
        self.told_by: signal.Signals | None = None
        self._word = self._first_word()
        self._lock = threading.Lock()
        self._next_look = 0.0

    def work(self) -> int:
        """Compute the pack; return the exit status of the process."""
        for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT):
            signal.signal(number, self._told)
        self._say(phase=RUNNING)
        threading.Thread(target=self._beat, daemon=True).start()
        try:
            return self._work()
        except Left:
            return self._leave()
        except BaseException as error:
            self._say(phase=BROKE, reason=f"{type(error).__name__}: {error}"[:2000])
            with contextlib.suppress(OSError):  # on a full disk there is no room for it
                traceback.print_exc()
            return EXIT_FAILED

    def _work(self) -> int:
        os.chdir(self.submission.cwd)
        sys.path[:] = self.submission.search_path(sys.path)
        different = code.changed(self.submission.code)
        if different:
            return self._refuse(different)
        if self.submission.failed is not None:
            return self._leave()
        specs = self._mine()
        if not specs:
            return self._leave()
        self._compute(specs)
        failed = self._failed()
        if self.told_by is not None or self.submission.failed is not None:
            return self._leave()
        self._say(phase=ENDED, reason=f"{len(failed)} of {len(specs)} jobs raised" if failed else "")
        return EXIT_FAILED if failed else 0

    def _mine(self) -> list[JobSpec]:
        """Return the specs of the pack; where some of it was handed out again since, of what is left to do here.

        That happens where nothing was known of this worker for long, and then Slurm may start it again.
        """
        specs, handed_on = self.submission.specs(self.k), self.submission.handed_on()
        if not handed_on:
            return specs
        left = [replace(spec, wanted=self._left(spec, handed_on)) for spec in specs]
        return [spec for spec in left if spec.wanted]

    def _left(self, spec: JobSpec, handed_on: Set[tuple[str, str]]) -> tuple[str, ...]:
        held = job_class(self.submission.job).held(self.submission.sweep / spec.name)
        lacking = (key for key in spec.wanted if held.get(key, (FAILED,))[0] == FAILED)
        return tuple(key for key in lacking if (spec.name, key) not in handed_on)

    def _compute(self, specs: list[JobSpec]) -> None:
        made = job_class(self.submission.job)
        if made is TaskCall:
            TaskCall.thaw(self.submission.task)
        folders = [self.submission.sweep / spec.name for spec in specs]
        with together():
            jobs = [self._job(made, spec) for spec in specs]
        execution = Execution(
            stop=self._stop,
            done=self._done,
            scratch=self.submission.scratch,
            checkpoint_minutes=self.backend.checkpoint_minutes,
            memory_gb=self.backend.sharing(len(self.submission.packs)).memory_gb,
            attempt=self._word.attempt,
        )
        made.run_together(jobs, folders, [spec.wanted for spec in specs], execution)

    def _stop(self) -> bool:
        """Return whether to save and leave: told to, or because a job failed, which is looked for if that matters."""
        if self.submission.fail_fast and time.monotonic() > self._next_look:
            began = time.monotonic()
            self._failed()
            stopped = self.submission.failed is not None
            ended = time.monotonic()
            self._next_look = math.inf if stopped else ended + PATIENCE * (ended - began)
        return self.told_by is not None or self._next_look == math.inf

    def _failed(self) -> list[str]:
        """Return which jobs of the pack have failed, and note that if it is to end all."""
        names = self.submission.packs[self.k]
        failed = [name for name in names if (self.submission.sweep / name / ERROR_FILE).exists()]
        if failed and self.submission.fail_fast:
            self.submission.fail(failed[0])
        return failed

    def _job(self, made: type[Job], spec: JobSpec) -> Job:
        hydra = hydra_node(self.submission.hydra, spec, self.submission.sweep, _job_id() or str(spec.number))
        os.environ.update({key: str(value) for key, value in hydra["job"]["env_set"].items()})
        if made is TaskCall:
            hydra["sweep"]["dir"] = str(self.submission.sweep)  # wherever it lies now
            return TaskCall({**spec.config, "hydra": hydra})
        job = spec.job(made)
        write_hydra_files(self.submission.sweep / spec.name, spec.config, hydra)
        return job

    def _refuse(self, different: list[str]) -> int:
        reason = (
            f"the code has changed since this was submitted ({', '.join(_short(different))}): nothing was computed. "
            f"To compute it with the code as it is now: python -m sweeps resume {self.submission.sweep}"
        )
        print(reason, file=sys.stderr)
        self._say(phase=REFUSED, reason=reason)
        return EXIT_REFUSED

    def _leave(self) -> int:
        """Leave what is saved to the next attempt, and queue that where it was not the end that was asked for."""
        if not self._mine():
            self._say(phase=LEFT, reason="handed out again, as nothing was heard of it")
            return 0
        if self.submission.failed is not None:
            self._say(phase=LEFT, reason=self.submission.stopped)
            return EXIT_FAILED
        assert self.told_by is not None
        if self.told_by is signal.SIGUSR2 and isinstance(self.backend, Slurm):
            self._requeue(self.backend.retries)
        else:
            self._say(phase=LEFT, reason=f"stopped by {self.told_by.name}; what was finished is kept")
        return 128 + self.told_by

    def _requeue(self, retries: int) -> None:
        """Put this task back into Slurm's queue, or say why not."""
        if self._word.attempt > retries:
            self._say(phase=LEFT, reason=f"made way {self._word.attempt} times, hydra.launcher.retries = {retries}")
            return
        self._say(phase=AGAIN, reason="made way, queued again")  # first: Slurm ends this process as it requeues
        try:
            subprocess.run(["scontrol", "requeue", _job_id()], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            told = (getattr(error, "stderr", None) or str(error)).strip()
            self._say(phase=LEFT, reason=f"made way, and could not be queued again: {told}")

    def _told(self, number: int, frame: FrameType | None) -> None:
        if self.told_by is None:
            self.told_by = signal.Signals(number)
            print(f"{self.told_by.name}: saving and leaving", file=sys.stderr)
            if self.submission.job is None:
                raise Left

    def _done(self, cost: float) -> None:
        self._say(done=self._word.done + cost)

    def _say(self, **changes: Any) -> None:
        with self._lock:
            self._word = self.submission.say(self.k, self._word, **changes)

    def _beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT)
            with contextlib.suppress(OSError, ValueError):  # a file system may be away for a moment
                os.utime(self.submission.word_file(self.k))
                if self.told_by is None and not self._mine():
                    os.kill(os.getpid(), signal.SIGTERM)

    def _first_word(self) -> Word:
        before = self.submission.word(self.k)
        return Word(
            phase=RUNNING,
            attempt=1 if before is None else before.attempt + 1,
            host=os.environ.get("SLURMD_NODENAME") or socket.gethostname(),
            pid=os.getpid(),
            job_id=_job_id(),
            started=time.time(),
            before=0.0 if before is None else before.before + before.done,
        )


def _job_id() -> str:
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array else os.environ.get("SLURM_JOB_ID", "")


def _short(paths: list[str], shown: int = 3) -> list[str]:
    return [*paths[:shown], f"and {len(paths) - shown} more"] if len(paths) > shown else paths


def _threads_of_slurm() -> Mapping[str, str]:
    """Return as many threads as Slurm gives processors: libraries would take the whole node's."""
    count = allocation.cpus()
    return {"OMP_NUM_THREADS": str(count)} if count and "OMP_NUM_THREADS" not in os.environ else {}


def main() -> None:
    """Work on the pack that the command line names."""
    submission, k = Submission.read(Path(sys.argv[1])), int(sys.argv[2])
    if submission.backend == Slurm.kind:  # local workers may live in a task of Slurm too
        os.environ.update(_threads_of_slurm())
        k += int(os.environ.get("SLURM_ARRAY_TASK_ID") or 0)
    sys.exit(Worker(submission, k).work())


if __name__ == "__main__":
    enter("sweeps.worker")
