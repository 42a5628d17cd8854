"""What is measured of a deep matrix factorisation: singular values of the product, ranks and lines of factors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from condense.flows.base import State
from condense.measure.clusters import covers
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
    scaled = (block * beta.view(-1, *[1] * (block.dim() - 1)) for block, beta in zip(theta, network.betas, strict=True))
    factors = {name: block[:, 0] for name, block in zip(network.blocks, scaled, strict=True)}
    values = torch.linalg.svdvals(user.product(factors).nan_to_num(0, 0, 0))
    second = torch.linalg.svdvals(factors["w2"].nan_to_num(0, 0, 0))
    told = {
        "top_share_w2": second[:, 0].square() / second.square().sum(dim=1),
        "rank_w2": torch.special.entr(second / second.sum(dim=1, keepdim=True)).sum(dim=1).exp(),
    }
    columns = {f"singular_{place + 1}": values[:, place].tolist() for place in range(min(MOST, values.shape[1]))}
    lines = [_lines(rows.double().cpu().numpy(), measure) for rows in factors["w1"]]
    return columns | {name: values.tolist() for name, values in told.items()} | {"lines_w1": lines}


def _lines(rows: NDArray[np.float64], measure: Measure) -> int | None:
    """Return how many lines cover the rows of a factor, each counting by its length."""
    lengths = np.linalg.norm(rows, axis=1)
    if not np.isfinite(lengths).all() or not lengths.all():
        return None
    options: dict[str, Any] = {"threshold": measure.threshold, "fraction": measure.fraction}
    [cover] = covers(
        (rows / lengths[:, None]).T,
        lengths,
        most=measure.clusters_max,
        candidates=measure.centres,
        lines=(True,),
        **options,
    )
    return len(cover)
