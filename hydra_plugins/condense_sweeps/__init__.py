"""Hydra finds plugins only below hydra_plugins; what they do is in `sweeps`."""

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from sweeps import boundary, launcher, sweeper
from sweeps.sites import Local, Slurm

__all__ = ["BoundarySweeper", "GridSweeper", "LocalLauncher", "SlurmLauncher"]


class GridSweeper(sweeper.GridSweeper):
    """See `sweeps.sweeper.GridSweeper`."""


class BoundarySweeper(boundary.BoundarySweeper):
    """See `sweeps.boundary.BoundarySweeper`."""


class LocalLauncher(launcher.LocalLauncher):
    """See `sweeps.launcher.LocalLauncher`."""


class SlurmLauncher(launcher.SlurmLauncher):
    """See `sweeps.launcher.SlurmLauncher`."""


for site in (Local, Slurm):
    schema = OmegaConf.structured(site, flags={"struct": False})  # other keys come to us, who say what to write instead
    ConfigStore.instance().store(group="schema/launcher", name=site.kind, node=schema)
    ConfigStore.instance().store(group="hydra/launcher", name=f"sweeps_{site.kind}", node=schema)  # for any other app
