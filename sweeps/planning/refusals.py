"""What a grid refuses before anything starts: settings without effect, keys without values, points that collide."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf

from sweeps.folder.spec import JobSpec
from sweeps.planning.plan import Planned

__all__ = ["refuse_empty", "refuse_idle", "refuse_numbered", "refuse_shared", "refuse_taken"]
__all__ += ["require"]


def require(key: str, value: object, fine: bool, allowed: str) -> None:
    """Raise ConfigCompositionException unless a parameter of the sweeper is fine."""
    if not fine:
        raise ConfigCompositionException(f"hydra.sweeper.{key} = {value!r} is not allowed: {allowed}")


def refuse_idle(hydra: DictConfig) -> None:
    """Refuse settings of Hydra's own that have no effect on a grid.

    Raises:
        ConfigCompositionException: the message names it.
    """
    named: Any = OmegaConf.to_container(hydra.sweep, resolve=False)
    if named["subdir"] != "${hydra.job.num}":
        raise ConfigCompositionException(
            f"hydra.sweep.subdir = {named['subdir']!r} has no effect: the folder of a point is named by what it is; "
            "hydra/sweeper=basic honours it"
        )
    if any(str(line).lstrip("+").startswith("hydra.run.dir=") for line in hydra.overrides.hydra):
        raise ConfigCompositionException(
            "hydra.run.dir has no effect with -m: the folder of a sweep is hydra.sweep.dir"
        )


def refuse_empty(parsed: Sequence[Override]) -> None:
    """Refuse what gives a grid no values.

    Raises:
        ConfigCompositionException: the message names the key.
    """
    for override in parsed:
        if override.is_interval_sweep():
            allowed = "values, or steps such as range(0.6,1.4,0.1); an interval is for hydra/sweeper=boundary"
        elif override.is_range_sweep() and not all(map(math.isfinite, _ends(override))):
            allowed = "range(first,end,step) of finite numbers"
        elif override.is_sweep_override() and not _values(override):
            allowed = "a sweep of at least one value"
        else:
            continue
        line = f"{override.get_key_element()} = {override.get_value_string()}"
        raise ConfigCompositionException(f"{line} is not allowed: {allowed}")


def refuse_shared(planned: Iterable[Planned], swept: Sequence[str]) -> None:
    """Refuse one folder for two jobs, and two jobs of the same results: one of the two would be lost.

    Raises:
        ConfigCompositionException: the message names both.
    """
    names: dict[str, Planned] = {}
    owners: dict[frozenset[str], Planned] = {}
    advice = "give the command once for each, each with a folder of its own: hydra.sweep.dir=.."
    for each in planned:
        other = names.setdefault(each.name, each)
        if other is not each:
            pair = " and ".join(" ".join(one.unlike(two)) for one, two in ((other, each), (each, other)))
            raise ConfigCompositionException(f"{pair} would share the folder {each.name}: {advice}")
        other = owners.setdefault(frozenset(each.job.wanted), each)
        if other is not each:
            raise ConfigCompositionException(
                f"{other.name} and {each.name} are the same runs: {' and '.join(swept)} does not tell them apart, and "
                f"one of each two would be lost; {advice}"
            )


def refuse_taken(planned: Iterable[Planned], held: Iterable[JobSpec], swept: Sequence[str]) -> None:
    """Refuse a job whose folder holds another one: its values there are other ones, by rounding say.

    Raises:
        ConfigCompositionException: the message names both.
    """
    taken = {spec.name: spec.config for spec in held}
    for each in planned:
        for key in (*each.job.named_by, *swept) if each.name in taken else ():
            here, there = (_at(config, key) for config in (each.composed.config, taken[each.name]))
            if here != there:
                raise ConfigCompositionException(
                    f"{key}={here} would share the folder {each.name} with {key}={there}, which is there already: "
                    "name another folder: hydra.sweep.dir=.."
                )


def refuse_numbered(specs: Iterable[JobSpec], held: Iterable[JobSpec]) -> None:
    """Refuse points whose folders have numbers, where a folder holds another point by the same number.

    Raises:
        ConfigCompositionException: the message names both.
    """
    there = {spec.name: spec for spec in held}
    for spec in specs:
        other = there.get(spec.name, spec)
        if not {*spec.wanted} & {*other.wanted}:
            raise ConfigCompositionException(
                f"{' '.join(spec.overrides)} would share the folder {spec.name} with {' '.join(other.overrides)}, "
                "which is there already: this sweeper numbers its points; name another folder: hydra.sweep.dir=.."
            )


def _at(config: Mapping[str, Any], key: str) -> object:
    """Return the value of a dotted key; None if there is none, or it is a group."""
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return None if isinstance(value, Mapping) else value


def _ends(override: Override) -> list[float]:
    """Return the numbers of a range: first, end and step."""
    swept: Any = override.value()
    return [float(number) for number in (swept.start, swept.stop, swept.step)]


def _values(override: Override) -> list[object]:
    try:
        return list(override.sweep_iterator())
    except ValueError:  # a step of 0
        return []
