"""Settings that have no effect beside others: each config group lists its own, and refuses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from typing import Any

__all__ = ["Idle", "refuse_idle"]


@dataclass(frozen=True)
class Idle:
    """Settings of a group that have no effect when another is as it is.

    `because` says which one, and may show it: a format string whose {0} is the group.
    """

    keys: tuple[str, ...]
    when: Callable[[Any], bool]
    because: str


def refuse_idle(prefix: str, group: Any, rules: Iterable[Idle]) -> None:
    """Raise ValueError for a setting that differs from its default to no effect.

    >>> from condense.schema import Data
    >>> Data(seed=3)
    Traceback (most recent call last):
    ValueError: data.seed = 3 has no effect with data.name = 'parabola', whose points are not drawn: leave it out
    """
    changed = {each.name for each in fields(group) if getattr(group, each.name) != _default(each)}
    for rule in rules:
        for key in rule.keys if rule.when(group) else ():
            if key in changed:
                value = getattr(group, key)
                raise ValueError(f"{prefix}{key} = {value!r} has no effect {rule.because.format(group)}: leave it out")


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
