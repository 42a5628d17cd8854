"""Activation functions s, each returning s(z) and its derivative s'(z) for a tensor z of any shape."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from condense import registry
from condense.networks.unrolled import LEAKS

__all__ = [
    "HOMOGENEOUS",
    "PARITY",
    "Activation",
    "check",
    "gelu",
    "get",
    "leaky_relu",
    "relu",
    "sigmoid",
    "softplus",
    "tanh",
]
__all__ += ["x2_tanh", "x_tanh"]

Activation = Callable[[Tensor], tuple[Tensor, Tensor]]

LEAK = LEAKS["leaky_relu"]


def relu(z: Tensor) -> tuple[Tensor, Tensor]:
    """s = max(z, 0), with s'(0) = 0."""
    h = z.clamp(min=0)
    return h, h.sign()


def leaky_relu(z: Tensor) -> tuple[Tensor, Tensor]:
    """s = max(z, z / 100)."""
    slope = torch.where(z > 0, torch.ones_like(z), LEAK)
    return z * slope, slope


def tanh(z: Tensor) -> tuple[Tensor, Tensor]:
    """s = tanh z, multiplicity 1."""
    t = torch.tanh(z)
    return t, 1 - t * t


def x_tanh(z: Tensor) -> tuple[Tensor, Tensor]:
    """s = z tanh z, multiplicity 2."""
    t, slope = tanh(z)
    return z * t, t + z * slope


def x2_tanh(z: Tensor) -> tuple[Tensor, Tensor]:
    """s = z^2 tanh z, multiplicity 3."""
    t, slope = tanh(z)
    return z * z * t, z * (2 * t + z * slope)


def sigmoid(z: Tensor) -> tuple[Tensor, Tensor]:
    """s = 1 / (1 + exp(-z))."""
    s = torch.sigmoid(z)
    return s, s * (1 - s)


def softplus(z: Tensor) -> tuple[Tensor, Tensor]:
    """s = log(1 + exp z)."""
    return torch.logaddexp(z, torch.zeros_like(z)), torch.sigmoid(z)


def gelu(z: Tensor) -> tuple[Tensor, Tensor]:
    """s = z Phi(z), Phi the normal distribution function."""
    cumulative = 0.5 * torch.erfc(-z / math.sqrt(2))
    density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return z * cumulative, cumulative + z * density


HOMOGENEOUS = frozenset({relu, leaky_relu})
"""Positively homogeneous activations: s(c z) = c s(z) for c > 0, so beta2 drops out of the normalised flow."""

PARITY: dict[Activation, int] = {tanh: -1, x2_tanh: -1, x_tanh: 1}
"""s(-z) = -s(z) for -1, s(z) for 1."""


def get(name: str, key: str = "network.activation") -> Activation:
    """Return the activation of a known name, or of a user's elementwise function given by its dotted path.

    A user's function maps a tensor to a tensor of the same shape; its derivative comes from torch.func.jvp.
    """
    function = registry.resolve("activation", name, key)
    if name in registry.REGISTRY["activation"]:
        return function  # type: ignore[no-any-return]

    def by_jvp(z: Tensor) -> tuple[Tensor, Tensor]:
        value, slope, *_ = torch.func.jvp(function, (z,), (torch.ones_like(z),))
        return value, slope

    return by_jvp


def check(name: str, dtype: torch.dtype = torch.float64, key: str = "network.activation") -> None:
    """Refuse a user's function that is not elementwise, changes the precision or has no gradient.

    Raises:
        ValueError: the message says which.
    """
    function, own = get(name, key), registry.resolve("activation", name, key)
    z = torch.linspace(-2, 3, 12, dtype=dtype).reshape(1, 3, 4)
    try:
        (s, _), (one, _), tracked = function(z), function(z[:, :1, :1]), own(z.clone().requires_grad_())
    except Exception as error:
        raise ValueError(f"{key} = {name!r} raised {registry.said(error)} for a tensor of {dtype}") from error
    if s.shape != z.shape or not torch.allclose(s[:, :1, :1], one, equal_nan=True):
        reason = "is not elementwise: each number must be a function of the one at its place, the same each time"
    elif s.dtype != dtype:
        reason = f"returned {s.dtype} for {dtype}: leave out .float(), .int() and constants of another dtype"
    elif not tracked.requires_grad:
        reason = "has no gradient: leave out .detach(), .data, torch.no_grad() and rounding"
    else:
        return
    raise ValueError(f"{key} = {name!r} {reason}")
