"""Hydra finds plugins only below hydra_plugins; the sweeper itself is in `sweeps.sweeper`."""

from sweeps import sweeper

__all__ = ["GridSweeper"]


class GridSweeper(sweeper.GridSweeper):
    """See `sweeps.sweeper.GridSweeper`."""
