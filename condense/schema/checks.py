"""Checks that the config groups share; each raises ValueError with the key, the value and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral
from typing import Any, NoReturn

from condense import registry

__all__ = [
    "between",
    "countable",
    "finite",
    "integral",
    "known",
    "known_among",
    "known_key",
    "positive",
    "refuse",
    "whole",
]


def refuse(key: str, value: object, allowed: str) -> NoReturn:
    """Raise ValueError for a value that is not allowed.

    >>> refuse("dtype", "float16", "float64 or float32")
    Traceback (most recent call last):
    ValueError: dtype = 'float16' is not allowed: float64 or float32
    """
    raise ValueError(f"{key} = {value!r} is not allowed: {allowed}")


def finite(key: str, value: float) -> None:
    """Refuse what is not finite."""
    if not math.isfinite(value):
        refuse(key, value, "a finite number")


def positive(key: str, value: float, allowed: str = "a number above 0") -> None:
    """Refuse what is not above 0."""
    if not value > 0:
        refuse(key, value, allowed)


def between(key: str, value: float, low: float, high: float) -> None:
    """Refuse what is not in (low, high]."""
    if not low < value <= high:
        refuse(key, value, f"a number above {low:g}, at most {high:g}")


def integral(key: str, value: Any) -> int:
    """Return an element of a list of integers, which may be written 1e30, as int."""
    if isinstance(value, bool) or not isinstance(value, int | float | Integral) or value % 1 != 0:
        refuse(key, value, "integers alone, such as [1000,4000]")
    return int(value)


def whole(key: str, value: Any) -> int:
    """Return an element of a list of integers that 64 bits hold as int."""
    return countable(key, integral(key, value))


def countable(key: str, value: int) -> int:
    """Return an integer that 64 bits hold, as numpy and torch count."""
    if abs(value) >= 2**63:
        refuse(key, value, "an integer below 2^63")
    return value


def known(kind: str, name: str, own: str) -> None:
    """Refuse a name that is not in the registry; `own` says how something of the user's own comes in."""
    known_among(f"{kind}.name", name, registry.REGISTRY[kind], own)


def known_among(key: str, name: str, names: Iterable[str], own: str = "") -> None:
    """Refuse a name that is not one of some."""
    names = list(names)
    if name not in names:
        guess = registry.nearest(name, names) or "."
        raise ValueError(f"{key} = {name!r} is not known{guess} Known: {', '.join(names)}{own}")


def known_key(prefix: str, name: str, keys: Iterable[str]) -> None:
    """Refuse a key that no field stands for.

    >>> known_key("init.", "gama", ["gamma", "gamma_prime"])
    Traceback (most recent call last):
    ValueError: init.gama is not a key of the config, did you mean 'gamma'?; allowed: gamma, gamma_prime
    """
    allowed = list(keys)
    if name not in allowed:
        guess = registry.nearest(name, allowed)
        raise ValueError(f"{prefix}{name} is not a key of the config{guess}; allowed: {', '.join(allowed)}")
