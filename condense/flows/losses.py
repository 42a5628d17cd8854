"""Losses of one network, and schedules of the learning rate, by name or by the dotted path of your own.

A loss is a function of outputs f (b, ...) and targets y (b, ...) of b data points that returns their mean loss, one
number; a schedule is a function (step, steps) that returns a factor of the learning rate, step = 0, 1, ...
"""

from __future__ import annotations

import math

from torch import Tensor

__all__ = ["constant", "cosine", "cross_entropy", "half_mse", "hinge", "mse"]


def mse(f: Tensor, y: Tensor) -> Tensor:
    """Return the mean of (f - y)^2 over data points and outputs."""
    return (f - y).square().mean()


def half_mse(f: Tensor, y: Tensor) -> Tensor:
    """Return half of it."""
    return 0.5 * mse(f, y)


def cross_entropy(f: Tensor, y: Tensor) -> Tensor:
    """Return the mean of -log softmax(f)_y, for outputs (b, ..., classes) and labels (b, ...)."""
    return -f.log_softmax(dim=-1).gather(-1, y[..., None]).mean()


def hinge(f: Tensor, y: Tensor) -> Tensor:
    """Return the mean of max(0, 1 - y f) for labels y = -1 and 1."""
    return (1 - y * f).clamp(min=0).mean()


def constant(step: int, steps: int) -> float:
    """Return 1."""
    return 1.0


def cosine(step: int, steps: int) -> float:
    """Return (1 + cos(pi step / steps)) / 2: from 1 to 0.

    >>> [round(cosine(step, 2), 3) for step in range(3)]
    [1.0, 0.5, 0.0]
    """
    return 0.5 * (1 + math.cos(math.pi * step / steps))
