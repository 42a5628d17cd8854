"""The parameters of a launcher as an app's config has them now, for a sweep that was launched with another."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from sweeps.folder.submission import Submission

__all__ = ["launcher"]


def launcher(kind: str, last: Submission) -> dict[str, Any]:
    """Return the parameters of hydra/launcher=KIND: those of the config of the app that made a submission, with the
    site's own (conf/local/), where it was started.

    Raises:
        ValueError: the config does not compose, or is no longer there.
    """
    from hydra import compose
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    choice = str(last.hydra["runtime"]["choices"]["hydra/launcher"]).replace(last.backend, kind)
    there = last.cwd if Path(last.cwd).is_dir() else os.getcwd()
    try:
        with contextlib.chdir(there), _sources_of(last):
            config = compose(overrides=[f"hydra/launcher={choice}"], return_hydra_config=True)
            plain: Any = OmegaConf.to_container(config.hydra.launcher, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(f"hydra/launcher={kind}: its config cannot be read: {error}") from error
    return {str(key): value for key, value in plain.items()}


def _sources_of(last: Submission) -> contextlib.AbstractContextManager[None]:
    """Return Hydra with the config sources of an app."""
    from hydra import initialize_config_dir, initialize_config_module

    name = last.hydra["job"]["name"]
    main = [each for each in last.hydra["runtime"]["config_sources"] if each["provider"] == "main"]
    if main and main[0]["schema"] == "file":
        return initialize_config_dir(main[0]["path"], job_name=name, version_base="1.3")
    module = main[0]["path"] if main else "hydra.conf"
    return initialize_config_module(module, job_name=name, version_base="1.3")
