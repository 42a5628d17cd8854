"""What this process may use of its machine: the machine's, but for its control groups and an allocation of Slurm."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from sweeps.backends import allocation

__all__ = ["cores", "gpus", "memory"]

GROUPS = Path("/sys/fs/cgroup")


def cores() -> int:
    """Return the cores that this process may use."""
    quotas = [text.split() for text in _limits("cpu.max")]
    counts = [int(time) // int(period) for time, period in quotas if time != "max"]
    counts += [allocation.cpus() or len(os.sched_getaffinity(0)), len(os.sched_getaffinity(0))]
    return max(1, min(counts))


def memory() -> int:
    """Return the bytes that this process may use."""
    limits = [*_limits("memory.max"), *_limits("memory/memory.limit_in_bytes")]
    most = [psutil.virtual_memory().total, *(int(text) for text in limits if text.isdigit())]
    return min([*most, allocation.memory() or most[0]])


def gpus() -> list[str]:
    """Return the GPUs that this process may use."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [gpu for gpu in chosen.split(",") if gpu]
    if shutil.which("nvidia-smi") is None:
        return []
    told = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False)
    return [str(k) for k in range(len(told.stdout.splitlines()))]


def _limits(name: str) -> Iterator[str]:
    """Return what the control group of this process and those that it lies in say."""
    lines = Path("/proc/self/cgroup").read_text().splitlines() if Path("/proc/self/cgroup").exists() else []
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    folder = GROUPS / own
    for each in (folder, *folder.parents):
        if GROUPS in (each, *each.parents) and (each / name).is_file():
            yield (each / name).read_text().strip()
