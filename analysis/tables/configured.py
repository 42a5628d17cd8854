"""What a sweep was configured to: the settings that its folder notes, read back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis.tables.collect import OUTPUT, SweepError

__all__ = ["LEVEL", "configured_level", "configured_losses"]

LEVEL = 0.9
"""The level of intervals where nothing is noted of it: the default of measure.level."""

_MANIFEST = "sweep.json"
"""Of a sweep: the settings that its runs share, where they differ from the defaults."""

_NOTE = "simulate.json"
"""The same of a folder that `condense.simulate` wrote to."""

_CONFIG = ".hydra/config.yaml"
"""The whole config of one job."""


def configured_level(folder: Path | str) -> float:
    """Return the level of intervals, measure.level, that a folder was configured to; 0.9 where it is not noted.

    Raises:
        SweepError: a file of settings is damaged, or sweeps below the folder have other levels.
    """
    key = "measure.level"
    levels = {path: _share(path, key, noted.get(key, LEVEL), below=1.0) for path, noted in _noted(folder)}
    if len(set(levels.values())) > 1:
        told = ", ".join(f"{level:g} by {path}" for path, level in levels.items())
        raise SweepError(f"{folder}: {key} is {told}; choose one: --level {LEVEL:g}, say")
    return next(iter(levels.values()), LEVEL)


def configured_losses(folder: Path | str) -> tuple[float, ...]:
    """Return the shares of the first loss, snapshots.losses, at which the runs of a folder were to be looked at.

    Raises:
        SweepError: a file of settings is damaged.
    """
    key = "snapshots.losses"
    losses = [_share(path, key, loss) for path, noted in _noted(folder) for loss in _list(path, key, noted.get(key))]
    return tuple(dict.fromkeys(losses))


def _noted(folder: Path | str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield files of settings by dotted key with what they say: the folder's own, else those below it or above it."""
    folder = Path(folder)
    if not folder.is_dir():
        return
    own = [path for name in (_MANIFEST, _NOTE, _CONFIG) if (path := folder / name).exists()]
    below = (path for name in (_MANIFEST, _NOTE) for path in sorted(folder.rglob(name)) if path.parent.name != OUTPUT)
    above = (path for name in (_MANIFEST, _NOTE) if (path := folder.absolute().parent / name).exists())
    for path in own[:1] or list(below) or list(above)[:1]:
        yield path, _read(path)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".yaml":
            return _selected(text)
        noted = json.loads(text)
        settings = noted["settings"] if path.name == _MANIFEST else noted
        if not isinstance(settings, dict):
            raise TypeError(f"{settings!r} where settings by name are to stand")
    except Exception as error:  # a dozen kinds for a damaged file
        raise SweepError(
            f"{path}: not readable as settings ({type(error).__name__}: {error}): the level of the intervals "
            f"(measure.level) and snapshots.losses stand in it. Restore it, or move it away: the level is then "
            f"{LEVEL:g}, or what --level says"
        ) from error
    return settings


def _selected(text: str) -> Mapping[str, Any]:
    from omegaconf import OmegaConf  # of a single run alone: a tenth of a second

    config: Any = OmegaConf.to_container(OmegaConf.create(text))
    keys = (("measure", "level"), ("snapshots", "losses"))
    return {f"{group}.{name}": config[group][name] for group, name in keys if name in config.get(group, {})}


def _list(path: Path, key: str, value: Any) -> list[Any]:
    if value is None or isinstance(value, list):
        return value or []
    raise SweepError(f"{path}: {key} = {value!r} is not a list of numbers between 0 and 1, such as [0.5, 0.1]")


def _share(path: Path, key: str, value: Any, below: float = math.inf) -> float:
    if isinstance(value, int | float) and 0 < value <= 1 and value < below:
        return float(value)
    raise SweepError(f"{path}: {key} = {value!r} is not a number between 0 and 1, such as {LEVEL:g}")
