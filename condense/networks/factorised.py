"""Deep matrix factorisation: a product of linear layers that learns a matrix from some of its entries."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Factorised"]


@dataclass(frozen=True)
class Factorised:
    """f(i, j) = (W_L ... W_1)_ij, for inputs that are the places (i, j) of entries, counted from 0.

    W_1 has shape (m, columns), W_L (rows, m), those between (m, m). All have one scale, beta_l = kappa^(1/L), so that
    kappa is the scale of the product whatever the depth: init=spelled_out init.beta1=1e-6 draws three factors with
    standard deviation .01, two with .001.

    Args:
        depth: L.
        shape: rows and columns of the product.

    Raises:
        ValueError: fewer than two factors, or a shape that is none.
    """

    depth: int = 3
    shape: Sequence[int] = (10, 10)

    def __post_init__(self) -> None:
        if isinstance(self.depth, bool) or not isinstance(self.depth, int) or self.depth < 2:
            raise ValueError(f"network.kwargs.depth = {self.depth!r} is not allowed: an integer, 2 or above")
        sizes = list(self.shape) if isinstance(self.shape, list | tuple) else []
        if len(sizes) != 2 or not all(isinstance(size, int) and size >= 1 for size in sizes):
            raise ValueError(f"network.kwargs.shape = {self.shape!r} is not allowed: rows and columns, [10,10] say")
        object.__setattr__(self, "shape", tuple(sizes))

    @property
    def scales(self) -> Mapping[str, tuple[float, float]]:
        """The powers of kappa and kappa' in the scale of every factor."""
        return {f"w{layer + 1}": (1 / self.depth, 0.0) for layer in range(self.depth)}

    def init(self, generator: torch.Generator, m: int) -> dict[str, Tensor]:
        """Return standard normal draws of every factor for width m."""
        rows, columns = self.shape
        sizes = [columns, *[m] * (self.depth - 1), rows]
        shapes = zip(self.scales, sizes[1:], sizes[:-1], strict=True)
        return {name: torch.randn(out, into, generator=generator, dtype=torch.float64) for name, out, into in shapes}

    def product(self, params: Mapping[str, Tensor]) -> Tensor:
        """Return W_L ... W_1, shape (rows, columns), with further dimensions in front if the factors have them."""
        first, *later = (params[name] for name in self.scales)
        return functools.reduce(lambda below, above: above @ below, later, first)

    def forward(self, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return the entries at places x, shape (n,), x of shape (n, 2).

        Raises:
            ValueError: the data are no places in the product.
        """
        rows, columns = self.shape
        if x.shape[1] != 2 or (x < 0).any() or (x[:, 0] >= rows).any() or (x[:, 1] >= columns).any():
            raise ValueError(
                f"network.kwargs.shape = {list(self.shape)}, but the data are not places (i, j) in such a matrix: take "
                "data=matrix with shape [10,10], data=completion with [30,30], or give the shape of your own"
            )
        return self.product(params)[x[:, 0].long(), x[:, 1].long()]
