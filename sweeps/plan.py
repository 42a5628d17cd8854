"""From the command line of a sweep to its jobs: every one composed and checked before the first one starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from sweeps.job import Job, MakeJob

__all__ = ["Composer", "Planned", "quoted", "swept_keys"]


@dataclass(frozen=True)
class Planned:
    """A job of a sweep: the overrides that make it, its folder, and the job itself."""

    overrides: tuple[str, ...]
    folder: Path
    job: Job

    @property
    def complete(self) -> bool:
        """Whether its folder holds all its results."""
        return not self.job.missing(self.folder)


def swept_keys(parsed: Sequence[Override]) -> list[str]:
    """Return the keys that take several values."""
    return [override.get_key_element() for override in parsed if override.is_sweep_override()]


def quoted(text: object) -> str:
    """Return a value that Hydra's override grammar reads as this text."""
    return "'" + str(text).replace("\\", "\\\\").replace("'", "\\'") + "'"


class Composer:
    """Composes the config of every job of a sweep.

    Hydra composes once for every set of group choices; plain values are then set on a copy, which is what Hydra does
    with them too, and about a hundred times faster.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig, make_job: MakeJob) -> None:
        self._loader, self._master, self._make_job = loader, master, make_job
        self._parser = OverridesParser.create(config_loader=loader)
        self._bases: dict[tuple[str, ...], DictConfig] = {}

    def parse(self, lines: Sequence[str]) -> list[Override]:
        """Return parsed overrides."""
        return list(self._parser.parse_overrides(list(lines)))

    def job(self, lines: Sequence[str]) -> Job:
        """Return the job of one set of overrides.

        Raises:
            ConfigCompositionException: the config is not allowed; the message names the override and what is wrong.
        """
        try:
            return self._make_job(OmegaConf.to_object(self._compose(lines)))
        except ValueError as error:
            raise ConfigCompositionException(str(error)) from error

    def _compose(self, lines: Sequence[str]) -> DictConfig:
        values = {
            line: override for line, override in zip(lines, self.parse(lines), strict=True) if self._plain(override)
        }
        config = self._base(tuple(line for line in lines if line not in values)).copy()
        for line, override in values.items():
            try:
                OmegaConf.update(config, override.get_key_element(), override.value(), merge=True)
            except OmegaConfBaseException as error:
                raise ConfigCompositionException(f"Error merging override {line}") from error
        return config

    def _plain(self, override: Override) -> bool:
        key = override.get_key_element()
        sets_value = not (override.is_add() or override.is_force_add() or override.is_delete())
        return sets_value and not override.is_hydra_override() and not self._loader.get_group_options(key)

    def _base(self, lines: tuple[str, ...]) -> DictConfig:
        if lines not in self._bases:
            composed = self._loader.load_sweep_config(self._master, list(lines))
            with open_dict(composed):
                del composed["hydra"]
            self._bases[lines] = composed
        return self._bases[lines]
