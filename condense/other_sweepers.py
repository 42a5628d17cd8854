"""What sweepers of Hydra's own and of others need to know."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from durable.folders import new_folder
from front_door.text import quoted

__all__ = ["OtherSweepers"]

OURS = "hydra_plugins.condense_sweeps."
"""Sweepers that name a folder by what the sweep is."""

SEEKERS = ("optuna", "ax", "nevergrad")
"""Sweepers that go by the values of jobs."""


class OtherSweepers(Callback):
    """Gives sweepers that are not ours a folder, or refuses what they cannot do with, before a sweep starts."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Look at the config, and set hydra.sweep.dir where it has to be."""
        choices = config.hydra.runtime.choices
        if choices["hydra/sweeper"] in SEEKERS and config.objective is None:
            sys.exit(  # an exception would be a warning
                f"objective = null is not allowed with hydra/sweeper={choices['hydra/sweeper']}: the column of the "
                "records whose mean over the runs of a point is sought, objective=rd_w say"
            )
        if not config.hydra.sweeper._target_.startswith(OURS):
            _set_folder(config)


def _set_folder(config: DictConfig) -> None:
    """Make a folder named by the time, where an experiment is to name it and there is none."""
    settings = config.hydra
    named: Any = OmegaConf.to_container(settings.sweep, resolve=False)
    if "${hydra.runtime.choices.experiment}" not in named["dir"] or settings.runtime.choices.experiment:
        return
    folder = new_folder(Path(settings.sweep.dir).with_name(datetime.now().strftime("%Y-%m-%d_%H-%M-%S")))
    with open_dict(config):
        settings.sweep.dir = str(folder)
        settings.overrides.hydra.append(f"hydra.sweep.dir={quoted(folder)}")  # jobs are composed anew
