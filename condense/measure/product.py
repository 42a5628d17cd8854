"""What is measured of a deep matrix factorisation: singular values of the product, ranks and lines of factors."""

from __future__ import annotations

from typing import Any

import torch

from condense.flows.base import State
from condense.measure.observables import rows_of, spectrum
from condense.networks.batched import per_run
from condense.networks.factorised import Factorised
from condense.schema import Measure

__all__ = ["MOST", "product"]

MOST = 5
"""Singular values that are logged."""


def product(state: State, measure: Measure) -> dict[str, list[Any]]:
    """Return the largest singular values of the product of factors, `singular_1` to `singular_5`.

    With them `top_share_w2`, the share s_1^2 / |W_2|^2 of the largest singular value of the second factor, `rank_w2`,
    its effective rank exp(-sum_i p_i log p_i), p_i = s_i / sum_j s_j, and `lines_w1`, over how many lines the rows of
    W_1 lie by the rule that counts clusters.
    """
    network: Any = state.network
    user: Any = getattr(network, "user", None)
    if not isinstance(user, Factorised):
        return {}
    theta = network.parameters(state.displacement)
    scaled = zip(network.blocks, network.betas, theta, strict=True)
    factors = {name: (per_run(beta, block) * block)[:, 0] for name, beta, block in scaled}
    values = torch.linalg.svdvals(user.product(factors).nan_to_num(0, 0, 0))
    rank, share = spectrum(factors["w2"])
    columns = {f"singular_{place + 1}": values[:, place].tolist() for place in range(min(MOST, values.shape[1]))}
    lines = [len(rows_of(rows).covers(measure, lines=(True,))[0]) for rows in factors["w1"]]
    return columns | {"top_share_w2": share, "rank_w2": rank, "lines_w1": lines}
