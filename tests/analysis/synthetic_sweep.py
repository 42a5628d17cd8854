"""Records from known power laws."""

from __future__ import annotations

from typing import Any

import numpy as np

from condense.planes import two_layer as plane

Rows = list[dict[str, object]]


def power_law_rows(
    gamma: float,
    gamma_prime: float,
    slope: float | None = None,
    widths: tuple[float, ...] = (500.0, 1000.0, 2000.0, 4000.0),
    seeds: int = 3,
    noise: float = 0.0,
    **columns: Any,
) -> Rows:
    """Runs with RD_w = .3 (m / 1000)^slope, slopes of seeds `noise` apart; S of the theory by default."""
    predicted = plane.exponents(gamma, gamma_prime)
    rows = []
    for seed in range(seeds):
        bend = noise * (seed - (seeds - 1) / 2)
        for width in widths:
            change = {f"rd_{block}": 0.3 * (width / 1000) ** (s + bend) for block, s in predicted.items()}
            if slope is not None:
                change["rd_w"] = 0.3 * (width / 1000) ** (slope + bend)
            rows.append(
                {
                    "key": f"{columns.get('initialisation', 'plane')},{gamma},{gamma_prime},{width},{seed}"
                    f",{columns.get('setting', 'one')}",
                    "setting": "one",
                    "initialisation": "plane",
                    "gamma": gamma,
                    "gamma_prime": gamma_prime,
                    "width": width,
                    "neurons": min(int(width), 10_000),
                    "seed": seed,
                    "network": "two_layer",
                    "activation": "relu",
                    "data": "parabola",
                    "flow": "exponential",
                    "stop": 1e-6,
                    "clusters": 3 if gamma > 1 else 200,
                    "clusters_capped": False,
                    "clusters_exact": True,
                    "converged": True,
                    "status": "converged",
                    **change,
                    **columns,
                }
            )
    return rows


def failed(rows: Rows, reason: str = "ValueError: a reason") -> Rows:
    nothing = {f"rd_{block}": np.nan for block in ("w", "a", "theta")}
    lost = {"converged": False, "status": "failed", "error": reason, "clusters": None, "clusters_capped": None}
    return [{**row, **nothing, **lost} for row in rows]
