"""From plain containers, as composed configs are once resolved, to dataclasses: strict about keys and about types."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, TypeVar, get_type_hints

from condense.schema.checks import countable, known_key, refuse

__all__ = ["build", "nearest_kind", "settle"]

T = TypeVar("T")


def build(kind: type[T], values: Mapping[str, Any], prefix: str = "") -> T:
    """Return the dataclass made of these values, each converted to the type of its field.

    Raises:
        ValueError: a key that is no field, or a value of another type.
    """
    types = _types(kind)  # type: ignore[arg-type]  # a class is hashable
    for name in values:
        known_key(prefix, str(name), types)
    return kind(**{name: _converted(f"{prefix}{name}", value, types[name]) for name, value in values.items()})


def settle(config: Any, prefix: str = "", names: Iterable[str] | None = None) -> None:
    """Convert fields of a dataclass, all or these, to their types in place; an integer may stand for a number.

    Raises:
        ValueError: a value of another type.
    """
    types = _types(type(config))  # type: ignore[arg-type]
    for name in types if names is None else names:
        value = getattr(config, name)
        converted = _converted(f"{prefix}{name}", value, types[name])
        if (type(value), type(converted)) != (int, float):  # 0 and 0.0 are other keys of runs
            setattr(config, name, converted)


def nearest_kind(kinds: Sequence[type[T]], values: Mapping[str, Any]) -> type[T]:
    """Return the kind whose fields know most of these keys; of several, the one whose default name is given."""

    def fit(kind: type[T]) -> tuple[int, bool]:
        types = _types(kind)  # type: ignore[arg-type]
        return len(types.keys() & values.keys()), "name" in types and values.get("name") == getattr(kind, "name", None)

    return max(kinds, key=fit)


@functools.cache
def _types(kind: Any) -> dict[str, Any]:
    """Return the type of every field, in order."""
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def _converted(key: str, value: Any, kind: Any) -> Any:
    convert = _CONVERTERS.get(kind)
    return convert(key, value) if convert else value


def _number(key: str, value: Any) -> float:
    if isinstance(value, str):
        return _spelled_number(key, value)
    if isinstance(value, bool) or not isinstance(value, Real):
        refuse(key, value, "a number")
    try:
        return float(value)
    except OverflowError:
        refuse(key, value, "a number that floating point can hold")


def _spelled_number(key: str, text: str) -> float:
    try:
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))  # YAML spells infinity with a dot
    except ValueError:
        refuse(key, text, "a number")


def _integer(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        refuse(key, value, "an integer")
    return countable(key, int(value))


def _truth(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        refuse(key, value, "true or false")
    return value


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        refuse(key, value, "a text")
    return str(value)


def _several(key: str, value: Any) -> list[Any]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        refuse(key, value, f"a list, such as {key}=[{value}]")
    return list(value)


def _numbers(key: str, value: Any) -> list[float]:
    return [_number(key, each) for each in _several(key, value)]


def _texts(key: str, value: Any) -> list[str]:
    return [_text(key, each) for each in _several(key, value)]


def _or_nothing(convert: Callable[[str, Any], T]) -> Callable[[str, Any], T | None]:
    return lambda key, value: None if value is None else convert(key, value)


_CONVERTERS: Mapping[Any, Callable[[str, Any], Any]] = {
    float: _number,
    int: _integer,
    bool: _truth,
    str: _text,
    bool | None: _or_nothing(_truth),
    float | None: _or_nothing(_number),
    int | None: _or_nothing(_integer),
    str | None: _or_nothing(_text),
    list[int]: _several,  # the groups tell more about what is no integer
    list[float]: _numbers,
    list[str]: _texts,
    list[int] | None: _or_nothing(_several),
    list[float] | None: _or_nothing(_numbers),
}
