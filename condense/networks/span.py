"""The span of the data: weights move inside it only, so networks are drawn and trained there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["span_basis", "with_bias"]


def with_bias(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return inputs x of shape (n, d) as (x, 1), shape (n, d + 1)."""
    return np.column_stack([x, np.ones(len(x))])


def span_basis(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal basis, as columns of shape (d, r), of the span of the rows of x, shape (n, d).

    r is the numerical rank. Where the rows span everything (r = d) it is the identity, so pictures need no turning
    back. Else it is the right singular vectors with a sign rule on the left ones: the coordinates x @ basis, and a
    network drawn in them, then do not depend on how the inputs were rotated.
    """
    left, values, right = np.linalg.svd(x, full_matrices=False)
    rank = int((values > values.max() * max(x.shape) * np.finfo(np.float64).eps).sum())
    if rank == x.shape[1]:
        return np.eye(rank)
    sizes = np.abs(left[:, :rank])
    leading = np.argmax(
        sizes > sizes.max(axis=0) * (1 - 1e-6), axis=0
    )  # the first of near ties, so rounding decides nothing
    signs = np.sign(left[leading, np.arange(rank)])
    return np.asarray(right[:rank].T * signs)
