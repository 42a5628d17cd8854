"""How far every layer moves: one rule for any number of layers and any scales. No torch here.

Layers l = 1..L move at the rates tau_l = m^theta_l (`condense.networks.base`), and the aligned output of the initial
weights is m^-d. The flow conserves |W_l|^2 / tau_l - |W_k|^2 / tau_k, so all layers share one gain
G = |Delta W_l|^2 / tau_l = m^(1 + rho), which is found like the level of water poured over floors at -theta_l:

    d <= 0:  rho = d - max theta                                 the fastest layer fits the data before any has grown
    d >  0:  sum_l max(0, theta_l + rho) = 2 d                   the layers above their floors have outgrown their start

and with h_l = theta_l + rho, phi(h) = h for h <= 0 and h/2 for h > 0, the change of layer l is m^phi(h_l) times its
operator norm at the start. Derived in docs/three-layers.md; with two layers it gives all branches of the plane of Luo
et al. 2021.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["change", "filled", "heights"]


def heights(d: float, theta: Sequence[float]) -> list[float]:
    """Return h_l of every layer.

    >>> heights(0.75, [0.0, 0.0, 0.0]), heights(-0.5, [0.5, -0.5])
    ([0.5, 0.5, 0.5], [-0.5, -1.5])
    """
    rho = d - max(theta) if d <= 0 else _level(2 * d, theta)
    return [each + rho for each in theta]


def _level(water: float, theta: Iterable[float]) -> float:
    """Return rho with sum_l max(0, theta_l + rho) = water, for water > 0."""
    deepest_first = sorted(theta, reverse=True)
    for wet in range(1, len(deepest_first) + 1):
        rho = (water - sum(deepest_first[:wet])) / wet
        if wet == len(deepest_first) or deepest_first[wet] + rho <= 0:
            break
    return rho


def filled(rho: float, theta: Sequence[float]) -> float:
    """Return the d at which the level is rho, the inverse of the rule.

    >>> filled(0.4, [0.0, 0.0, 0.0]), filled(-1.0, [0.5, -0.5])
    (0.6000000000000001, -0.5)
    """
    dry = rho + max(theta)
    return dry if dry <= 0 else sum(max(0.0, each + rho) for each in theta) / 2


def change(h: float) -> float:
    """Return phi(h): the exponent of a layer's change over its operator norm at the start."""
    return h if h <= 0 else h / 2
