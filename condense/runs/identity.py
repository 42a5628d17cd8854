"""What makes a run that run: a hash of the science in its config. No torch here.

Of network and flow only what differs from the defaults enters, so an option added later leaves old keys alone; data
enters by content, floats by repr. Of widths, seeds and neurons a run's key has its own; what is measured, device,
launcher and paths stay out of it.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from condense import schema
from condense.data import Dataset
from condense.planes import two_layer

__all__ = ["delta", "flat", "key", "science", "setting", "without_place", "without_rate"]

SCHEMA_VERSION = 2
"""Of the integrator: runs of another follow their neurons otherwise, and are not mixed with those of this one."""


def delta(config: Any) -> dict[str, Any]:
    """Return what differs from the defaults of the config's class, and always its name."""
    default = _default(type(config))  # type: ignore[arg-type]  # a class is hashable
    changes = {key: value for key, value in asdict(config).items() if value != default[key]}
    return {"name": config.name, **changes} if hasattr(config, "name") else changes


@functools.cache
def _default(kind: Any) -> dict[str, Any]:
    return asdict(kind())


def science(config: schema.Config, data: Dataset) -> dict[str, Any]:
    """Return the science of a config as plain values: init, network, data, flow and dtype."""
    init = {**asdict(config.init), "name": config.init.name}
    if config.init.plane is not two_layer.PLANE:  # points of two planes are two settings
        init["plane"] = config.init.plane.name
    return {
        "init": init,
        "network": delta(config.network),
        "data": {"content": data.digest},
        "flow": delta(config.flow),
        "dtype": config.dtype,
        "schema": SCHEMA_VERSION,
    }


def flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return the leaves of nested mappings by dotted key.

    >>> flat({"flow": {"name": "adam", "rate": 0.1}, "dtype": "float64"})
    [('flow.name', 'adam'), ('flow.rate', 0.1), ('dtype', 'float64')]
    """
    pairs: list[tuple[str, Any]] = []
    for key, value in tree.items():
        pairs += flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return pairs


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def without_place(facts: dict[str, Any]) -> dict[str, Any]:
    """Return `science` without the place on the plane: runs of one diagram share it."""
    return {**facts, "init": {name: value for name, value in facts["init"].items() if name not in schema.PLACE}}


def without_rate(facts: dict[str, Any]) -> dict[str, Any]:
    """Return `science` without the learning rate, the optimiser's argument lr."""
    flow = dict(facts["flow"])
    flow["kwargs"] = {name: value for name, value in flow.get("kwargs", {}).items() if name != "lr"}
    return {**facts, "flow": flow}


def setting(facts: dict[str, Any]) -> str:
    """Return the hash of `science` without the place on the plane."""
    return _hash(without_place(facts))


def key(facts: dict[str, Any], width: float, seed: int, neurons: int | None = None) -> str:
    """Return the key of a run: the hash of its `science`, width and seed, and of the neurons that stand for a width."""
    virtual = {} if neurons is None else {"neurons": neurons}
    return _hash({**facts, "width": width, "seed": seed, **virtual})
