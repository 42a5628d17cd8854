"""This machine: a few workers of its own, which outlive the process that starts them."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import psutil

from durable.files import read_json, write_json
from sweeps.backends.base import RUNNING as ALIVE
from sweeps.backends.base import SILENCE, Backend, Live, worker_command
from sweeps.backends.machine import cores, gpus, memory
from sweeps.backends.packing import balanced, multiple
from sweeps.folder.spec import JobSpec
from sweeps.folder.submission import RUNNING, Submission

__all__ = ["Local"]

WORTH = 4.0
"""Seconds of computing that are worth a worker of their own, which takes two or three to start."""

_CHILDREN: list[subprocess.Popen[bytes]] = []
"""Workers started here, so that those that end are waited for and leave no zombies."""


@dataclass
class Local(Backend):
    """hydra/launcher=local."""

    _target_: str = "hydra_plugins.condense_sweeps.LocalLauncher"
    workers: int | None = None  # processes; null: one per GPU, else see `fitted`
    cpus_per_task: int | None = None  # threads of each; null: its share of the cores

    kind: ClassVar[str] = "local"
    patience: ClassVar[float] = 0.25
    ends_with_launcher: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("workers", "cpus_per_task"):
            value = getattr(self, key)
            self.require(key, value is None or value >= 1, "an integer, 1 or above, or null")

    @property
    def at_once(self) -> int:
        """The number of workers."""
        return self.workers or len(gpus()) or 1

    def fitted(self, specs: Sequence[JobSpec]) -> Self:
        """Return the backend with a number of workers for some jobs.

        Without GPUs that is as many as have cores, a job and seconds to compute, and as their largest runs find room
        for in half of the memory; one, where the jobs do not tell their memory.
        """
        largest = max((spec.memory_gb for spec in specs), default=0.0)
        if not largest:
            return self
        worth = math.ceil(sum(spec.cost for spec in specs) / WORTH)
        fitting = int(0.5e-9 * memory() / max(largest, self.mem_gb or 0.0))
        side_by_side = cores() // (self.cpus_per_task or 1)
        return self.sharing(max(1, min(side_by_side, len(specs), worth, fitting)))

    def filled(self, jobs: int) -> int:
        """Return the next multiple of the number of workers, or of the cores that they may come to."""
        return multiple(jobs, self.workers or len(gpus()) or max(1, cores() // (self.cpus_per_task or 1)))

    def sharing(self, packs: int) -> Self:
        """Return the backend with a worker for each of these packs, unless it has a number of its own."""
        return self if self.workers or gpus() else replace(self, workers=packs)

    @property
    def memory_gb(self) -> float:
        """mem_gb, else a worker's share of nine tenths of the memory."""
        return self.mem_gb or 0.9e-9 * memory() / self.at_once

    def packs(self, specs: Sequence[JobSpec]) -> list[list[JobSpec]]:
        """Return one pack a worker."""
        return balanced(specs, self.at_once)

    def start(self, submission: Submission) -> None:
        """Start a worker for every pack, in a session of its own: it ends with its work, not with this terminal."""
        devices, workers = gpus(), self.sharing(len(submission.packs)).at_once
        for k in range(len(submission.packs)):
            env = os.environ | _threads(self.cpus_per_task or max(1, cores() // workers))
            if devices:
                env["CUDA_VISIBLE_DEVICES"] = devices[k % len(devices)]
            command = worker_command(submission, k)
            with submission.log(k).open("ab") as log:
                worker = subprocess.Popen(
                    command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            _CHILDREN.append(worker)
            write_json(_start_file(submission, k), _identity(worker.pid))

    @classmethod
    def pause(cls) -> None:
        """Return in a while, or as soon as the first of the workers started here has ended."""
        if _CHILDREN:
            with contextlib.suppress(subprocess.TimeoutExpired):
                _CHILDREN[0].wait(cls.patience)
        else:
            super().pause()

    @classmethod
    def live(cls, submissions: Sequence[Submission]) -> Live:
        """Return the packs whose worker is alive, or was lately on another machine."""
        _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
        packs = [(each, k) for each in submissions for k in range(len(each.packs))]
        return {(each.folder, k): ALIVE for each, k in packs if _alive(each, k)}

    @classmethod
    def cancel(cls, submissions: Sequence[Submission]) -> int:
        """Tell the workers on this machine to save and leave."""
        workers = [_process(each, k) for each in submissions for k in range(len(each.packs))]
        alive = [worker for worker in workers if worker is not None]
        for worker in alive:
            worker.send_signal(signal.SIGTERM)
        return len(alive)


def _alive(submission: Submission, k: int) -> bool:
    word = submission.word(k)
    if word is not None and word.phase != RUNNING:
        return False
    if submission.host != socket.gethostname():
        return word is not None and submission.heard(k) < SILENCE
    return _process(submission, k) is not None


def _process(submission: Submission, k: int) -> psutil.Process | None:
    """Return the worker of a pack if it runs on this machine."""
    start = read_json(_start_file(submission, k), lambda plain: (int(plain["pid"]), float(plain["created"])))
    if start is None or submission.host != socket.gethostname():
        return None
    pid, created = start
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None
    return process if same else None


def _start_file(submission: Submission, k: int) -> Path:
    return submission.folder / f"{k:03d}.start.json"


def _identity(pid: int) -> dict[str, Any]:
    """Return a pid with the time its process was made: the number alone may be another process later."""
    try:
        return {"pid": pid, "created": psutil.Process(pid).create_time()}
    except psutil.Error:
        return {"pid": pid, "created": 0.0}


def _threads(count: int) -> Mapping[str, str]:
    return {key: str(count) for key in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
