"""Dataclasses whose tensors all carry the runs of a batch on their leading axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Self, TypeVar

import torch
from torch import Tensor

__all__ = ["Batched", "per_run", "select", "shared", "where"]

T = TypeVar("T")


def shared(**options: Any) -> Any:
    """Mark a field that all runs of a batch share, so that selecting runs leaves it alone."""
    return dataclasses.field(metadata={"shared": True}, **options)


class Batched:
    """Base of frozen dataclasses of tensors with the runs on axis 0; nested tuples, dicts and Batched work too."""

    def _map(self, function: Callable[..., Any], *others: Self) -> Self:
        changes = {
            field.name: function(*(getattr(x, field.name) for x in (self, *others)))
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if not field.metadata.get("shared")
        }
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def select(self, runs: Tensor) -> Self:
        """Return the batch of these runs: an index or a mask over axis 0."""
        return self._map(lambda x: select(x, runs))


def _each(function: Callable[..., Tensor], first: Any, *others: Any) -> Any:
    if others and all(other is first for other in others):
        return first
    if isinstance(first, Batched):
        return first._map(lambda *xs: _each(function, *xs), *others)
    if isinstance(first, tuple):
        return tuple(_each(function, *xs) for xs in zip(first, *others, strict=True))
    if isinstance(first, dict):
        return {key: _each(function, x, *(other[key] for other in others)) for key, x in first.items()}
    return first if first is None else function(first, *others)


def select(batch: T, runs: Tensor) -> T:
    """Return the runs of an index or a mask from a tensor, tuple, dict or Batched."""
    return _each(lambda x: x[runs], batch)  # type: ignore[no-any-return]


def where(mask: Tensor, yes: T, no: T) -> T:
    """Return, run by run, `yes` where the mask of shape (R,) is true and `no` elsewhere."""
    return _each(  # type: ignore[no-any-return]
        lambda x, y: torch.where(per_run(mask, x), x, y), yes, no
    )


def per_run(values: Tensor, like: Tensor) -> Tensor:
    """Return a value a run, (R,), in the shape that multiplies or masks a tensor (R, ...) run by run."""
    return values.view(-1, *[1] * (like.dim() - 1))
