"""Where packs run: this machine, or Slurm."""

from sweeps.backends.base import QUEUED, RUNNING, Backend, Live, SubmissionError
from sweeps.backends.local import Local
from sweeps.backends.slurm import Slurm

__all__ = ["BACKENDS", "QUEUED", "RUNNING", "Backend", "Live", "Local", "Slurm", "SubmissionError"]

BACKENDS: dict[str, type[Backend]] = {"local": Local, "slurm": Slurm}
