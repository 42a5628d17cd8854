"""Matrices of low rank that grow by some rows a step, for stacks of networks: the change of a matrix of weights.

A flow changes an m x m matrix by outer products, a few a step. So its change is kept as D = P^T Q with P and Q of
shape (K, m), K far below m, which takes O(m) numbers a network. Its norm comes from the Gram matrices of P and Q
without the cancellation of a difference, and a product with it costs O(m K).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from condense.networks.batched import Batched

__all__ = ["POWERS", "LowRank", "Sum", "norm"]

SLACK = 64
"""Rows beyond twice the rank at which rows are too many."""

POWERS = 60
"""Steps of the power iteration for a spectral norm."""


def norm(p: Tensor, q: Tensor) -> Tensor:
    """Return the Frobenius norms of p^T q for p and q of shape (R, copies, k, m), over the copies: (R,)."""
    squares: Tensor = (torch.matmul(p, p.mT) * torch.matmul(q, q.mT)).sum(dim=(1, 2, 3))
    return squares.clamp(min=0).sqrt()


@dataclass(frozen=True)
class LowRank(Batched):
    """D = P^T Q for every run and copy; rows from `used` on are zero.

    Runs of a stack have different numbers of rows: those of each follow from its own steps, not from its company.
    """

    p: Tensor  # (R, copies, K, m)
    q: Tensor
    pp: Tensor  # P P^T, (R, copies, K, K)
    qq: Tensor
    used: Tensor  # (R,)
    rank: Tensor  # (R,): rows at the last compression

    @classmethod
    def zero(cls, runs: int, copies: int, m: int, like: Tensor) -> LowRank:
        """Return D = 0."""
        rows, gram = like.new_zeros(runs, copies, 0, m), like.new_zeros(runs, copies, 0, 0)
        none = torch.zeros(runs, dtype=torch.int64, device=like.device)
        return cls(rows, rows, gram, gram, none, none)

    @property
    def rows(self) -> int:
        """K."""
        return self.p.shape[2]

    def _map(self, function: Callable[..., Any], *others: Self) -> Self:
        """Apply a function field by field, to all of as many rows."""
        most = max(each.rows for each in (self, *others))
        mapped = super(LowRank, self.padded(most))._map(function, *(other.padded(most) for other in others))
        return mapped.padded(int(mapped.used.max())) if len(mapped.used) else mapped

    @property
    def parts(self) -> dict[str, Tensor]:
        """All of it by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def padded(self, rows: int) -> Self:
        """Return the same with as many rows, the further ones zero; of fewer only those that are not used are lost."""
        if rows == self.rows:
            return self
        more = rows - self.rows
        pad = torch.nn.functional.pad
        return replace(
            self,
            **{name: pad(getattr(self, name), (0, 0, 0, more)) for name in ("p", "q")},
            **{name: pad(getattr(self, name), (0, more, 0, more)) for name in ("pp", "qq")},
        )

    def plus(self, p: Tensor, q: Tensor) -> LowRank:
        """Return D + p^T q for p and q of shape (R, copies, k, m)."""
        k = p.shape[2]
        grown = self.padded(int(self.used.max()) + k)
        runs = torch.arange(len(p), device=p.device)[:, None]
        places = self.used[:, None] + torch.arange(k, device=p.device)  # (R, k)
        found: dict[str, Tensor] = {}
        for name, new in (("p", p), ("q", q)):
            rows, gram = (getattr(grown, each) for each in (name, 2 * name))
            if grown is self:  # there was room in it
                rows, gram = rows.clone(), gram.clone()
            rows[runs, :, places] = new.transpose(1, 2)
            crossed = torch.matmul(rows, new.mT)  # (R, copies, K, k)
            gram[runs, :, :, places] = crossed.permute(0, 3, 1, 2)
            gram[runs, :, places] = crossed.permute(0, 3, 1, 2)
            found |= {name: rows, 2 * name: gram}
        return replace(grown, **found, used=self.used + k)

    def times(self, h: Tensor) -> Tensor:
        """Return D h of vectors h as rows, (R, copies, n, m)."""
        return torch.matmul(torch.matmul(h, self.q.mT), self.p)

    def transposed_times(self, b: Tensor) -> Tensor:
        """Return D^T b."""
        return torch.matmul(torch.matmul(b, self.p.mT), self.q)

    def squares(self) -> Tensor:
        """Return |D|_F^2 of every run and copy, (R, copies)."""
        squares: Tensor = (self.pp * self.qq).sum(dim=(2, 3))
        return squares.clamp(min=0)

    def norm(self) -> Tensor:
        """Return |D|_F over the copies, (R,)."""
        return self.squares().sum(dim=1).sqrt()

    def spectral(self) -> Tensor:
        """Return the largest singular value of every run and copy, (R, copies), from below by power iteration.

        With v = Q^T x the iteration v <- D^T D v is x <- P P^T Q Q^T x, and |D v|^2 / |v|^2 bounds the square.
        """
        x = self.pp.sum(dim=3) + self.pp.diagonal(dim1=2, dim2=3)
        top = x.new_zeros(x.shape[:2])
        for _ in range(POWERS):
            y = torch.matmul(self.qq, x[..., None])[..., 0]
            size = (x * y).sum(dim=2).clamp(min=0)
            x = torch.matmul(self.pp, y[..., None])[..., 0]
            top = torch.where(size > 0, (y * x).sum(dim=2) / size, 0)
            x = x / x.norm(dim=2, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
        return top.clamp(min=0).sqrt()

    @property
    def long(self) -> Tensor:
        """Which runs have more rows than are worth having, (R,)."""
        return self.used > 2 * self.rank + SLACK

    def compressed(self, runs: Tensor, cut: float) -> LowRank:
        """Return the same with fewer rows of some runs (a mask): without singular values below `cut` of the largest."""
        chosen = self.select(runs)
        to_p, upper_p = torch.linalg.qr(chosen.p.mT)
        to_q, upper_q = torch.linalg.qr(chosen.q.mT)
        left, values, right = torch.linalg.svd(torch.matmul(upper_p, upper_q.mT))
        rank = (values > cut * values[..., :1]).sum(dim=2).amax(dim=1)  # (R,): as many in both copies
        kept = torch.arange(values.shape[2], device=values.device) < rank[:, None, None]
        root = values.where(kept, 0).sqrt()
        p, q = (torch.matmul(basis, x) * root[..., None, :] for basis, x in ((to_p, left), (to_q, right.mT)))
        gram = torch.diag_embed(root.square())
        new = LowRank(p.mT.contiguous(), q.mT.contiguous(), gram, gram, rank, rank)
        most = max(self.rows, new.rows)
        whole, new = self.padded(most), new.padded(most)
        merged = {name: part.clone() for name, part in whole.parts.items()}
        for name, part in new.parts.items():
            merged[name][runs] = part
        return LowRank(**merged).padded(int(merged["used"].max()))


class Sum(NamedTuple):
    """D + p^T q, to be multiplied with only: what `LowRank.plus` would give is not put together."""

    first: LowRank
    p: Tensor
    q: Tensor

    def times(self, h: Tensor) -> Tensor:
        """Return (D + p^T q) h of vectors h as rows, (R, copies, n, m)."""
        return self.first.times(h) + torch.matmul(torch.matmul(h, self.q.mT), self.p)

    def transposed_times(self, b: Tensor) -> Tensor:
        """Return its transpose times b."""
        return self.first.transposed_times(b) + torch.matmul(torch.matmul(b, self.p.mT), self.q)
