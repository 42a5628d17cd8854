"""Records of virtual widths from known laws: RD = c m^S (1 + bend m^-w), the same for every number of neurons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from condense.planes import two_layer as plane

RUNGS = (1e3, 1e5, 1e7, 1e9, 1e12, 1e16, 1e20, 1e30)

Rows = list[dict[str, object]]


def ladder_rows(
    gamma: float,
    gamma_prime: float,
    *,
    slope: float | None = None,
    bend: float = 0.0,
    rate: float = 0.2,
    rungs: tuple[float, ...] = RUNGS,
    neurons: tuple[int, ...] = (20_000, 5000),
    seeds: int = 4,
    noise: float = 2.2,
    bias: float = 0.0,
    generator: np.random.Generator | None = None,
    **columns: Any,
) -> Rows:
    """Runs whose log RD has the sd noise / sqrt(M) over seeds, shared by all rungs; all but the most are `bias` off."""
    generator = generator or np.random.default_rng(0)
    predicted = plane.exponents(gamma, gamma_prime)
    exponents = predicted if slope is None else dict.fromkeys(predicted, slope)
    rows: Rows = []
    for count in neurons:
        level = noise / np.sqrt(count) * generator.standard_normal(seeds) + (bias if count < max(neurons) else 0.0)
        for seed in range(seeds):
            for width in rungs:
                law = np.exp(level[seed]) * (1 + bend * width**-rate)
                rows.append(
                    {
                        "key": f"{gamma},{gamma_prime},{width},{count},{seed}",
                        "setting": "one",
                        "initialisation": "plane",
                        "gamma": gamma,
                        "gamma_prime": gamma_prime,
                        "width": width,
                        "neurons": count,
                        "virtual": True,
                        "antisymmetric": True,
                        "seed": seed,
                        "network": "two_layer",
                        "activation": "relu",
                        "flow": "exponential",
                        "converged": True,
                        "status": "converged",
                        **{f"rd_{block}": law * 0.3 * width**S for block, S in exponents.items()},
                        **columns,
                    }
                )
    return rows


def stalled(rows: Rows, which: Callable[[dict[str, Any]], bool]) -> Rows:
    """Return the rows with those chosen stalled."""
    lost = {"converged": False, "status": "stalled"}
    return [{**row, **lost} if which(row) else row for row in rows]
