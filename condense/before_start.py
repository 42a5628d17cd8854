"""What is refused or set before Hydra starts a run or a sweep."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from durable.folders import new_folder, refuse_unusable
from front_door.text import quoted

__all__ = ["BeforeStart"]

OURS = "hydra_plugins.condense_sweeps."
"""Sweepers that name a folder by what the sweep is, and read what they need from the records."""

SEEKERS = tuple(f"hydra_plugins.hydra_{name}_sweeper." for name in ("optuna", "ax", "nevergrad"))
"""Sweepers that go by what jobs return."""


class BeforeStart(Callback):
    """Ends a command whose output has nowhere to go, and gives single runs and sweepers that are not ours a folder.

    It ends the process itself: of an exception in a callback Hydra makes a warning.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Look at hydra.run.dir; a folder that is named by the time is one that no other run has."""
        folder = Path(config.hydra.run.dir)
        _refuse_unusable("hydra.run.dir", folder)
        named: Any = OmegaConf.to_container(config.hydra.run, resolve=False)
        if "${now:" in named["dir"]:
            with open_dict(config):
                config.hydra.run.dir = str(new_folder(folder))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Look at what a sweeper needs, and set hydra.sweep.dir where it has to be."""
        sweeper, name = config.hydra.sweeper._target_, config.hydra.runtime.choices["hydra/sweeper"]
        if sweeper.startswith(SEEKERS):
            _refuse_what_seekers_cannot_use(config, name)
        if not sweeper.startswith(OURS):
            _settle_folder(config)
        elif config.objective is not None:
            sys.exit(
                f"objective = {config.objective!r} has no effect with hydra/sweeper={name}, which seeks no best point"
            )


def _refuse_what_seekers_cannot_use(config: DictConfig, name: str) -> None:
    if config.objective is None:
        sys.exit(
            f"objective = null is not allowed with hydra/sweeper={name}: the column of the records whose mean over the "
            "runs of a point is sought, objective=rd_w say"
        )
    if config.hydra.launcher.get("detach"):
        sys.exit(f"hydra.launcher.detach = True is not allowed with hydra/sweeper={name}, which waits for every point")


def _refuse_unusable(key: str, folder: Path) -> None:
    try:
        refuse_unusable(key, folder)
    except ValueError as error:
        sys.exit(str(error))


def _settle_folder(config: DictConfig) -> None:
    """Make a folder named by the time, where an experiment is to name it and there is none."""
    settings = config.hydra
    named: Any = OmegaConf.to_container(settings.sweep, resolve=False)
    if "${hydra.runtime.choices.experiment}" not in named["dir"] or settings.runtime.choices.experiment:
        _refuse_unusable("hydra.sweep.dir", Path(settings.sweep.dir))
        return
    folder = Path(settings.sweep.dir).with_name(datetime.now().strftime("%Y-%m-%d_%H-%M-%S"))
    _refuse_unusable("hydra.sweep.dir", folder)
    with open_dict(config):
        settings.sweep.dir = str(new_folder(folder))
        settings.overrides.hydra.append(f"hydra.sweep.dir={quoted(settings.sweep.dir)}")  # jobs are composed anew
