"""The energy by which small weights align and grow while the output is small, see `condense.planes.blow_up`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from condense.flows.base import State
from condense.networks.three_layer import ThreeLayer
from condense.networks.two_layer import TwoLayer
from condense.schema import Measure

__all__ = ["energy"]

Columns = dict[str, list[Any]]

DENSE = 512
"""The widest W2 whose singular values are computed, at every look."""

VALUES = 4
"""Of which so many are logged."""


def energy(state: State, measure: Measure) -> Columns:
    """Return the energy of the first copy of networks of two or three layers, in normalised weights.

    With z = (1/n) sum_i y_i x_i, the bias among the inputs, and u = W1 z / |z|: `energy` is E = a . u of two layers and
    a . W2 u of three, `z_norm` |z|, `sign_share` the share of neurons that help it (a_j (W2 u)_j > 0 and
    u_k (W2^T a)_k > 0; a_k u_k > 0). Of three layers also `share_z`, |u| / |W1| in the span of the data,
    `top_share_w2`, the share of the largest singular value s_1^2 / |W2|^2, `energy_two_layers`, the E that two layers
    of the same W1 and a would have at this time of the flow if all scales were equal, and up to m = 512 the largest
    singular values of W2, `singular_w2_1` to `singular_w2_4`.
    """
    network: Any = state.network
    if isinstance(network, ThreeLayer):
        return {name: values.tolist() for name, values in _of_three(network, state).items()}
    if not isinstance(network, TwoLayer):
        return {}
    z = network.mean_input(state.targets)
    along = network.in_span(z) / z.norm(dim=1, keepdim=True)
    w, a = (block[..., : network.width] for block in network.parameters_in_span(state.displacement))
    u = torch.matmul(along[:, None], w)[:, 0]
    told = {"energy": (u * a).sum(dim=1), "z_norm": z.norm(dim=1), "sign_share": _positive(u * a)}
    return {name: values.tolist() for name, values in told.items()}


def _of_three(network: ThreeLayer, state: State) -> dict[str, Tensor]:
    now: Any = state.displacement
    z, start = network.mean_input(state.targets), network.rest
    length = z.norm(dim=1)
    u, a = network.along(now, z)
    forward, backward = (network.multiplied(now, x, transposed) for x, transposed in ((u, False), (a, True)))
    u0, a0 = network.along(start, z)
    ahead = 2 * length * state.time
    square = (u0.square() + a0.square()).sum(dim=1) / 2
    values = torch.linalg.svdvals(network.parameters(now)[1][:, 0]) if network.width <= DENSE else u[:, :0]
    return {
        "energy": (a * forward).sum(dim=1),
        "z_norm": length,
        "sign_share": (_positive(a * forward) + _positive(u * backward)) / 2,
        "share_z": u.norm(dim=1) / network.first_length(now),
        "top_share_w2": network.top_share(now),
        "energy_two_layers": (u0 * a0).sum(dim=1) * ahead.cosh() + square * ahead.sinh(),
        **{f"singular_w2_{place + 1}": values[:, place] for place in range(min(VALUES, values.shape[1]))},
    }


def _positive(values: Tensor) -> Tensor:
    return (values > 0).to(torch.float64).mean(dim=1)
