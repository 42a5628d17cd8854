"""What theory says of the slope at the widths that were trained, where layers have not outgrown their start by far."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from condense.theory import Theory

__all__ = ["finite_width"]


def finite_width(runs: pd.DataFrame, points: pd.Index[Any], held: Theory) -> pd.DataFrame:
    """Return the slopes S_BLOCK_finite of the blocks at each plane point, NaN where theory tells none.

    The local exponents of the plane (`condense.planes.Plane.local`) between neighbouring widths, at their geometric
    mean and that of RD_a over the seeds, in the weights of a least-squares line through all widths.

    Args:
        runs: those that converged with an RD_a that has a logarithm.
        points: the plane points that rows are wanted of.
        held: the theory that holds for them.
    """
    found = [_at(runs, point, held) for point in points.to_list()]
    table = pd.DataFrame(found, index=points)
    return table.dropna(axis=1, how="all").add_prefix("S_").add_suffix("_finite")


def _at(runs: pd.DataFrame, point: tuple[str, float, float], held: Theory) -> dict[str, float]:
    name, x, y = point
    across, upwards = held.plane.columns
    if name != held.plane.name or not held.at(name, x, y):
        return {}
    here = runs[(runs[across] == x) & (runs[upwards] == y) & (runs["initialisation"] == name)]
    logs = np.log(here["rd_a"]).groupby(here["width"]).mean()
    if len(logs) < 2:
        return {}
    place, change = np.log(logs.index.to_numpy(float)), logs.to_numpy(float)
    middle, of_a = (np.exp((each[1:] + each[:-1]) / 2) for each in (place, change))
    locals_ = pd.DataFrame(
        [dict(held.plane.local(x, y, width, value)) for width, value in zip(middle, of_a, strict=True)]
    )
    centred = place - place.mean()
    weights = np.diff(place) * centred[::-1].cumsum()[::-1][1:] / (centred**2).sum()
    return {str(block): float(weights @ locals_[block].to_numpy(float)) for block in locals_}
