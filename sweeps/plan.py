"""From the command line of a sweep to its jobs: every one composed and checked before the first one starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from sweeps.job import Job
from sweeps.order import Order

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

    def order(self, number: int) -> Order:
        """Return what is to be done."""
        return Order.of(
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

    Hydra composes once for every set of group choices; plain values are then set on a copy, which is what Hydra does
    with them too, and about a hundred times faster.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        self._loader, self._master = loader, master
        self._parser = OverridesParser.create(config_loader=loader)
        self._bases: dict[tuple[str, ...], tuple[DictConfig, dict[str, Any]]] = {}
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
        base, hydra = self._base(tuple(line for line in lines if line not in values))
        config = base.copy()
        for line, override in values.items():
            try:
                OmegaConf.update(config, override.get_key_element(), override.value(), merge=True)
            except OmegaConfBaseException as error:
                raise ConfigCompositionException(f"Error merging override {line}") from error
        plain = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
        return Composed(plain, hydra)  # type: ignore[arg-type]

    def _parsed(self, line: str) -> Override:
        if line not in self._lines:  # most lines are those of every job
            [self._lines[line]] = self.parse([line])
        return self._lines[line]

    def _plain(self, override: Override) -> bool:
        key = override.get_key_element()
        sets_value = not (override.is_add() or override.is_force_add() or override.is_delete())
        return sets_value and not override.is_hydra_override() and not self._is_group(key)

    def _is_group(self, key: str) -> bool:
        if key not in self._groups:  # Hydra reads the whole config tree for each answer
            self._groups[key] = bool(self._loader.get_group_options(key))
        return self._groups[key]

    def _base(self, lines: tuple[str, ...]) -> tuple[DictConfig, dict[str, Any]]:
        if lines not in self._bases:
            composed = self._loader.load_sweep_config(self._master, list(lines))
            hydra = plain_hydra(composed)
            with open_dict(composed):
                del composed["hydra"]
            self._bases[lines] = composed, hydra
        return self._bases[lines]
