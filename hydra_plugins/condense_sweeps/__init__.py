"""Hydra finds plugins only below hydra_plugins; what they do is in `sweeps`."""

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from sweeps import sweeper
from sweeps.backends import BACKENDS
from sweeps.boundary import sweeper as boundary
from sweeps.launcher import launcher_of

__all__ = ["BoundarySweeper", "GridSweeper"]


class GridSweeper(sweeper.GridSweeper):
    """See `sweeps.sweeper.GridSweeper`."""


class BoundarySweeper(boundary.BoundarySweeper):
    """See `sweeps.boundary.sweeper.BoundarySweeper`."""


for kind, backend in BACKENDS.items():
    launcher = launcher_of(backend, __name__)
    globals()[launcher.__name__] = launcher  # LocalLauncher, SlurmLauncher
    # other keys come to us, who say what to write instead
    schema = OmegaConf.structured(backend, flags={"struct": False})
    ConfigStore.instance().store(group="schema/launcher", name=kind, node=schema)
    ConfigStore.instance().store(group="hydra/launcher", name=f"sweeps_{kind}", node=schema)  # for any other app
