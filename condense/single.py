"""A single run has no settings that are of sweeps."""

from __future__ import annotations

from hydra.conf import HydraConf
from hydra.errors import ConfigCompositionException

__all__ = ["launcher_left_alone", "refuse_settings_of_sweeps"]

HERE = ("local", "basic")
"""The launchers by which a sweep, too, runs on this machine."""

OF_SWEEPS = ("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper", "hydra.sweep")


def refuse_settings_of_sweeps(settings: HydraConf) -> None:
    """Refuse what has an effect with -m alone.

    Raises:
        ConfigCompositionException: the message names it.
    """
    for line in settings.overrides.hydra:
        if line.lstrip("+~").startswith(OF_SWEEPS):
            folder = "; the folder of a single run is hydra.run.dir" if "hydra.sweep.dir" in line else ""
            raise ConfigCompositionException(f"{line} has no effect without -m: add -m{folder}")
    given = [line.lstrip("+~").partition("=")[0] for line in settings.overrides.task]
    swept = [
        key for key in settings.sweeper.get("params") or () if not any(f"{key}.".startswith(f"{own}.") for own in given)
    ]
    if swept:
        raise ConfigCompositionException(
            f"hydra.sweeper.params vary {', '.join(swept)}, which has no effect without -m: add -m, or give "
            f"{'each of them' if len(swept) > 1 else 'it'} a value"
        )


def launcher_left_alone(settings: HydraConf) -> str:
    """Say that a single run is not handed to the launcher which a site's config has for sweeps; "" if that is ours."""
    launcher = settings.runtime.choices.get("hydra/launcher")
    if launcher in HERE:
        return ""
    return f"computed here, by this process: hydra/launcher={launcher} is for sweeps, with -m"
