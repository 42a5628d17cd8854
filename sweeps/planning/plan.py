"""From the command line of a sweep to its jobs: every one composed and checked before the first one starts."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from sweeps.folder.spec import JobSpec
from sweeps.job import Job

__all__ = ["Composed", "Composer", "Planned", "plain_hydra", "swept_keys"]


@dataclass(frozen=True)
class Composed:
    """What Hydra makes of a set of overrides: the app's config, the hydra node, both in plain containers."""

    config: Mapping[str, Any] = field(repr=False)  # resolved
    hydra: Mapping[str, Any] = field(repr=False)  # as it is written to .hydra: not resolved


@dataclass(frozen=True)
class Planned:
    """A job of a sweep with the overrides that make it and its folder's name."""

    overrides: tuple[str, ...]
    name: str
    job: Job
    composed: Composed

    def unlike(self, other: Planned) -> list[str]:
        """Return its overrides that another job does not have."""
        return [line for line in self.overrides if line not in other.overrides]

    def spec(self, number: int) -> JobSpec:
        """Return what is to be done."""
        return JobSpec.of(
            self.job,
            name=self.name,
            overrides=self.overrides,
            config=self.composed.config,
            number=number,
            choices=self.composed.hydra["runtime"]["choices"],
        )


def swept_keys(parsed: Sequence[Override]) -> list[str]:
    """Return the keys that take several values."""
    return [override.get_key_element() for override in parsed if override.is_sweep_override()]


def plain_hydra(config: DictConfig) -> dict[str, Any]:
    """Return the hydra node of a composed config in plain containers, not resolved."""
    plain = OmegaConf.to_container(config.hydra, resolve=False, enum_to_str=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


class Composer:
    """Composes the config of every job of a sweep.

    Hydra composes once for every set of group choices; plain values are then set on what it made, which is what Hydra
    does with them too, and about a thousand times faster.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        self._loader, self._master = loader, master
        self._parser = OverridesParser.create(config_loader=loader)
        self._bases: dict[tuple[str, ...], _Base] = {}
        self._groups: dict[str, bool] = {}
        self._lines: dict[str, Override] = {}

    def parse(self, lines: Sequence[str]) -> list[Override]:
        """Return parsed overrides."""
        return list(self._parser.parse_overrides(list(lines)))

    def compose(self, lines: Sequence[str]) -> Composed:
        """Return what a set of overrides makes.

        Raises:
            ConfigCompositionException: it is not allowed; the message names the override and what is wrong.
        """
        overrides = {line: self._parsed(line) for line in lines}
        values = {line: override for line, override in overrides.items() if self._plain(override)}
        choices = tuple(line for line in lines if line not in values)
        if choices not in self._bases:
            self._bases[choices] = _Base(self._loader.load_sweep_config(self._master, list(choices)))
        base = self._bases[choices]
        return Composed(base.having(values), base.hydra)

    def _parsed(self, line: str) -> Override:
        if line not in self._lines:  # most lines are those of every job
            [self._lines[line]] = self.parse([line])
        return self._lines[line]

    def _plain(self, override: Override) -> bool:
        key = override.get_key_element()
        sets_value = not (override.is_add() or override.is_force_add() or override.is_delete())
        chooses = self._is_group(key) and not isinstance(override.value(), dict)
        return sets_value and not override.is_hydra_override() and not chooses

    def _is_group(self, key: str) -> bool:
        if key not in self._groups:  # get_group_options of the loader copies all that it knows for each answer
            sources = self._loader.get_sources()
            self._groups[key] = any(each.is_group(key) and each.list(key, ObjectType.CONFIG) for each in sources)
        return self._groups[key]


class _Base:
    """A composed config to set values on."""

    def __init__(self, composed: DictConfig) -> None:
        self.hydra = plain_hydra(composed)
        with open_dict(composed):
            del composed["hydra"]
        self._config = composed
        self._plain = _contents(composed, resolve=False)
        self._set: dict[str, Any] = {}

    def having(self, values: Mapping[str, Override]) -> dict[str, Any]:
        """Return the config with these values set, resolved.

        OmegaConf converts and checks each value once. Where nothing refers to anything and each value has a place of
        its own, what is left is to put them there.
        """
        paths = [override.get_key_element().split(".") for override in values.values()]
        if not (_apart(values.values()) and all(_there(self._plain, path) for path in paths)):
            return _contents(self._updated(values))
        plain = self._plain
        for (line, override), path in zip(values.items(), paths, strict=True):
            if line not in self._set:
                self._set[line] = _at(_contents(self._updated({line: override}), resolve=False), path)
            plain = _with(plain, path, self._set[line])
        return plain if "${" not in repr(plain) else _contents(self._updated(values))

    def _updated(self, values: Mapping[str, Override]) -> DictConfig:
        config = self._config.copy()
        for line, override in values.items():
            try:
                OmegaConf.update(config, override.get_key_element(), override.value(), merge=True)
            except OmegaConfBaseException as error:
                raise ConfigCompositionException(f"Error merging override {line}") from error
        return config


def _contents(config: DictConfig, resolve: bool = True) -> dict[str, Any]:
    return OmegaConf.to_container(config, resolve=resolve, enum_to_str=True)  # type: ignore[return-value]


def _apart(values: Iterable[Override]) -> bool:
    """Whether none sets a part of what another sets; a value may be set anew, a mapping would be merged."""
    keys = [(f"{each.get_key_element()}.", each) for each in values]
    for (key, one), (below, _) in permutations(keys, 2):
        if below.startswith(key) and (below != key or isinstance(one.value(), dict)):
            return False
    return True


def _there(tree: Any, path: Sequence[str]) -> bool:
    """Whether a path leads through mappings to something."""
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return False
        tree = tree[key]
    return True


def _at(tree: Any, path: Sequence[str]) -> Any:
    return functools.reduce(operator.getitem, path, tree)


def _with(tree: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a tree with another value at the end of a path; what does not lie on the path is shared."""
    key, *rest = path
    return {**tree, key: _with(tree[key], rest, value) if rest else value}
