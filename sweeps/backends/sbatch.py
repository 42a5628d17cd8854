"""Submitting to Slurm, by submitit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.slurm.slurm import SlurmExecutor

from sweeps.backends.allocation import left_behind

__all__ = ["RefusedError", "submit"]


class RefusedError(RuntimeError):
    """sbatch refused; the message has its words."""


def submit(folder: Path, parameters: Mapping[str, Any], command: str, count: int) -> None:
    """Submit an array of so many tasks with a command of ours, no pickle; a task finds its work by its place in it.

    Raises:
        RefusedError: with what sbatch said.
    """
    try:
        executor = SlurmExecutor(folder=folder)
        executor.update_parameters(**parameters)
        executor.parameters["map_count"] = count
        executor.folder.mkdir(parents=True, exist_ok=True)
        with left_behind():
            executor._submit_command(command)
    except (FailedJobError, FailedSubmissionError, RuntimeError) as error:
        raise RefusedError(str(error)) from error
