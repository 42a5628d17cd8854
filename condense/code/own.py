"""The user's own code in runs: a run whose network, activation or observable is the user's has its hash in its key.

Runs without are as they were. No torch here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from condense import registry, schema
from condense.code import sources
from condense.code.content import Content, UnidentifiedError

__all__ = ["ACCEPT", "FACT", "UNKNOWN", "accepting", "code_of", "counted_as", "in_keys", "object_hash", "object_name"]

FACT = "code"
"""Where the hashes are in what makes a run that run (`condense.runs.problem.Problem.facts`)."""

ACCEPT = "accept_code"

UNKNOWN = "unknown"
"""The hash of code from before it was noted; its runs have keys without one."""


def code_of(config: schema.Config, network: Any = None) -> dict[str, str]:
    """Return the hashes of all that is the user's in a config, by dotted path.

    Args:
        config: names networks, activations and observables.
        network: the network that is not of two layers, if there is one.

    Raises:
        ValueError: what is named is not there, or cannot be identified.
    """
    hashes = {path: _hash(kind, key, path) for kind, key, path in _paths(config, network)}
    return {path: hashed for path, hashed in sorted(hashes.items()) if hashed}


def counted_as(code: Mapping[str, str], accepted: Sequence[str]) -> dict[str, str]:
    """Return the hashes that code counts as: its own, or those accepted in their place, "mynet.Net@3f2a9c0d1e4b".

    Raises:
        ValueError: code is accepted that is not used.
    """
    instead = dict(line.split("@") for line in accepted)
    if instead.keys() - code.keys():
        used = ", ".join(code) or "none"
        raise ValueError(f"{ACCEPT} = {list(accepted)} is not allowed: of your own code these runs use {used}")
    return {**code, **instead}


def in_keys(code: Mapping[str, str]) -> dict[str, str]:
    """Return the hashes that enter keys."""
    return {name: hashed for name, hashed in code.items() if hashed != UNKNOWN}


def accepting(code: Mapping[str, str], spelled: Callable[[str], str] = str) -> str:
    """Return the setting by which runs of this code count as those of the code as it is now."""
    return f"{ACCEPT}=[{','.join(spelled(f'{name}@{hashed}') for name, hashed in code.items())}]"


def object_name(network: Any) -> str:
    """Return what an object that is given as a network is called."""
    if isinstance(label := getattr(network, "label", None), str):  # of modules of torch, which are all of one class
        return label
    kind = network if isinstance(network, type) else type(network)
    return f"{kind.__module__}.{kind.__qualname__}"


def object_hash(network: Any) -> str:
    """Return the hash of an object that is given as a network: its code and its attributes.

    Raises:
        ValueError: it cannot be identified.
    """
    content = Content()
    try:
        hashed = content.hashed(network)
    except UnidentifiedError as error:
        raise ValueError(f"network {object_name(network)}: {error}") from error
    return _together(hashed, content)


def _paths(config: schema.Config, network: Any) -> Iterator[tuple[str, str, str]]:
    """Return the dotted paths of a config, each with its kind and key."""
    if isinstance(config.network, schema.Module):
        if config.network.build is not None:
            yield "build", "network.build", config.network.build
    elif config.network._target_ is not None:
        yield "network", "network._target_", config.network._target_
    elif network is None:
        yield "activation", "network.activation", config.network.activation
    for name in config.measure.observables:
        yield "observable", "measure.observables", name
    for kind in ("loss", "schedule"):
        if "." in (path := getattr(config.flow, kind, "")):
            yield kind, f"flow.{kind}", path
    for name in getattr(network, "activations", ()) if type(network).__module__.startswith("condense.") else ():
        yield "activation", "network.kwargs.activations", name


def _hash(kind: str, key: str, path: str) -> str:
    """Return the hash of what a dotted path leads to; none if it is not the user's."""
    if path in registry.REGISTRY[kind]:
        return ""
    target, content = registry.resolve(kind, path, key), Content()
    try:
        hashed = content.hashed(target) if sources.is_live(path.partition(".")[0]) else ""
    except UnidentifiedError as error:
        raise ValueError(f"{key} = {path!r}: {error}") from error
    content.modules |= {path.rpartition(".")[0], getattr(target, "__module__", None) or "builtins"}
    return _together(hashed, content)


def _together(hashed: str, content: Content) -> str:
    files = sources.of_modules(content.modules)
    return sources.digest(json.dumps([hashed, files]).encode()) if hashed or files else ""
