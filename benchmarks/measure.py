"""Wall time and peak memory of a call or of a command, repeated, with median and spread."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy as np
import psutil

__all__ = ["Calls", "Command", "Spread", "call", "commands", "cores", "one_thread", "run", "threads"]

T = TypeVar("T")

SAMPLING_SECONDS = 0.25
"""Between two looks at the memory of a command and its children; shorter ones while it is young."""

MB = 2**20


@dataclass(frozen=True)
class Spread:
    """Repeated measurements of one quantity."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of some numbers."""
        return cls(tuple(float(value) for value in values))

    @property
    def median(self) -> float:
        """The median."""
        return float(np.median(self.values))

    def scaled(self, factor: float) -> Spread:
        """Return the same measurements in another unit."""
        return Spread(tuple(factor * value for value in self.values))

    def as_json(self) -> dict[str, Any]:
        """Return every value, the median, the extremes and the quartiles."""
        low, high = np.quantile(self.values, [0.25, 0.75])
        extremes = {"min": min(self.values), "max": max(self.values)}
        quartiles = {"quartiles": [float(low), float(high)]}
        return {"values": list(self.values), "median": self.median, **extremes, **quartiles}

    def __str__(self) -> str:
        """Return "median [min, max]", the median alone if there is one value.

        >>> str(Spread((3.0, 1.0, 2.0)))
        '2 [1, 3]'
        """
        if len(self.values) == 1:
            return f"{self.median:.3g}"
        return f"{self.median:.3g} [{min(self.values):.3g}, {max(self.values):.3g}]"


@dataclass(frozen=True)
class Calls(Generic[T]):
    """What repeated calls returned, how long they took, and by how much memory grew at most (NaN if not known)."""

    results: tuple[T, ...]
    seconds: Spread
    peak_mb: float


@dataclass(frozen=True)
class Command:
    """A command that ended well: wall and processor time, peak memory with that of its children, what it printed."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


def call(function: Callable[[], T], repeat: int, warm: int = 0) -> Calls[T]:
    """Call a function `repeat` times, after `warm` calls that do not count."""
    for _ in range(warm):
        function()
    results, seconds, peaks = [], [], []
    for _ in range(repeat):
        before = _forget_peak()
        started = time.perf_counter()
        results.append(function())
        seconds.append(time.perf_counter() - started)
        peaks.append((_status("VmHWM") - before) / MB)
    return Calls(tuple(results), Spread.of(seconds), max(peaks))


def run(command: Sequence[str], text: str = "", **environment: str) -> Command:
    """Run a command with this text as its input, and variables added to its environment.

    Its memory is the largest sum of the resident sets of its process and their children that was seen, or the peak of
    a single one of them, as the kernel tells, if that is larger; their processor time is the sum of what was seen.

    Raises:
        RuntimeError: it failed; the message ends with what it said.
    """
    root = str(Path(__file__).parent.parent)
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    own = _status("VmHWM")
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, **environment},
    )
    with _Watch(process.pid) as watch:
        output = _talk(process, text)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{output[-2000:]}")
    # what the kernel tells of a child starts from the memory of its parent, which it shared before it became a program
    told = usage.ru_maxrss * 1024.0
    peak = max(watch.peak, told if told > own else 0.0)
    cpu = max(watch.cpu_seconds, usage.ru_utime + usage.ru_stime)
    return Command(seconds, cpu, peak / MB, output)


def commands(command: Callable[[], Sequence[str]], repeat: int, warm: int = 1) -> tuple[Spread, float]:
    """Run a command that is made anew each time; return its seconds and its peak memory in MB."""
    done = [run(command()) for _ in range(warm + repeat)][warm:]
    return Spread.of([each.seconds for each in done]), max(each.peak_mb for each in done)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Let BLAS, torch and numba use this many threads."""
    import numba
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(number)
    numba.set_num_threads(min(number, before[1]))
    try:
        with threadpool_limits(number):
            yield
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])


def one_thread() -> contextlib.AbstractContextManager[None]:
    """Let BLAS, torch and numba use one thread."""
    return threads(1)


def _talk(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin as stdin:
        stdin.write(text)
    return process.stdout.read()


class _Watch:
    """Looks at a process with its children, now and then, until the context ends."""

    def __init__(self, pid: int) -> None:
        self._pid, self._over = pid, threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._cpu: dict[int, float] = {}
        self.peak = 0.0
        """The largest sum of resident sets, in bytes."""

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    @property
    def cpu_seconds(self) -> float:
        """User and system time of all processes, each as it was seen last."""
        return sum(self._cpu.values())

    def _watch(self) -> None:
        pause = 0.02
        while not self._over.wait(pause):
            self._look()
            pause = min(1.2 * pause, SAMPLING_SECONDS)

    def _look(self) -> None:
        total = 0.0
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self._pid)
            for process in [root, *root.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    total += process.memory_info().rss
                    times = process.cpu_times()
                    self._cpu[process.pid] = times.user + times.system
        self.peak = max(self.peak, total)


def _forget_peak() -> float:
    """Give freed memory back, let the peak of this process start anew, and return what is resident, in bytes.

    Linux alone has such a peak; elsewhere the return value is NaN.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (AttributeError, OSError):
        return float("nan")
    return _status("VmRSS")


def _status(field: str) -> float:
    """Return a field of this process's status in bytes."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(field))
