"""The allocation of Slurm that this process runs in, if it does: what it has of its node, and how to get out of it.

The variables are those of https://slurm.schedmd.com/sbatch.html and srun.html.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

__all__ = ["cpus", "left_behind", "memory"]

LEAKING = ("SLURM_", "SLURMD_", "SRUN_", "SUBMITIT_", "PMI_", "PMIX_")
GPUS = {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "GPU_DEVICE_ORDINAL"}
KEPT = {"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_CLUSTERS"}
"""How to reach Slurm at all is no business of an allocation's."""


def cpus() -> int | None:
    """Return the processors of this task on its node, None outside of a task."""
    return _number("SLURM_CPUS_PER_TASK") or _number("SLURM_CPUS_ON_NODE") if _on_node() else None


def memory() -> int | None:
    """Return the bytes of this task on its node, None outside of a task or where it may use all."""
    if not _on_node():
        return None
    each = _number("SLURM_MEM_PER_CPU")
    megabytes = _number("SLURM_MEM_PER_NODE") or (each or 0) * (cpus() or 1)
    return megabytes * 2**20 if megabytes else None


@contextlib.contextmanager
def left_behind() -> Iterator[None]:
    """Keep the variables of the allocation, if this is one, from what the body submits, which has one of its own."""
    inside = "SLURM_JOB_ID" in os.environ
    names = [name for name in os.environ if name not in KEPT and (name.startswith(LEAKING) or name in GPUS)]
    leaking = {name: os.environ.pop(name) for name in names if inside}
    try:
        yield
    finally:
        os.environ.update(leaking)


def _on_node() -> bool:
    """Whether this is a process that Slurm has started: what salloc starts on a login node is none."""
    return "SLURM_JOB_ID" in os.environ and "SLURM_CPUS_ON_NODE" in os.environ


def _number(name: str) -> int | None:
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else None
