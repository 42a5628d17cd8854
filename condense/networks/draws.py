"""Standard normal draws of the layers that see the data and the output, and how those of seeds are stacked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from condense.networks.base import numpy_stream

__all__ = ["drawn", "stacked"]


def drawn(seed: int, m: int, basis: np.ndarray, reduce: bool = True) -> tuple[np.ndarray, np.ndarray, float]:
    """Return weights of the inputs (r, m), of the output (m,), and |w|^2 outside the span of the data.

    They are defined in the span of `basis` (d, r), and the same draw when lifted to d dimensions (not `reduce`).
    """
    d, r = basis.shape
    a = numpy_stream(seed, m, 0).standard_normal(m)
    w = numpy_stream(seed, m, 1).standard_normal((r, m))
    outside = float(numpy_stream(seed, m, 2).chisquare(m * (d - r))) if d > r else 0.0
    if reduce:
        return w, a, outside
    w = basis @ w
    if d > r:
        rest = numpy_stream(seed, m, 3).standard_normal((d, m))
        rest -= basis @ (basis.T @ rest)
        w += rest * np.sqrt(outside / np.square(rest).sum())
    return w, a, outside


def stacked(arrays: Sequence[np.ndarray]) -> Tensor:
    """Return arrays on a new leading axis, a single one without a copy."""
    return torch.from_numpy(np.stack(arrays) if len(arrays) > 1 else arrays[0][None])
