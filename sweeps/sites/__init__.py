"""Where packs run: this machine, or Slurm."""

from sweeps.sites.base import QUEUED, RUNNING, Live, Site, SubmissionError
from sweeps.sites.local import Local
from sweeps.sites.slurm import Slurm

__all__ = ["QUEUED", "RUNNING", "SITES", "Live", "Local", "Site", "Slurm", "SubmissionError"]

SITES: dict[str, type[Site]] = {"local": Local, "slurm": Slurm}
