"""Two-layer networks in closed form, stacked, streamed over neurons and trained in the span of the data."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from condense import activations
from condense.batched import Batched, shared
from condense.data import Dataset
from condense.networks.base import Run, Theta, column, norms, numpy_stream
from condense.span import span_basis

__all__ = ["TwoLayer", "TwoLayerStage"]

KEPT = 2**20
"""Features of at most this many numbers are kept by a stage; larger ones are computed again, a tile at a time."""

TILE = 2**17
"""Numbers in a tile of features, so that a tile stays in the cache."""


@dataclass(frozen=True)
class TwoLayer(Batched):
    """f(x) = kappa sum_k a_k s(beta2 w_k . x) / beta2, with (w, a) standard normal at the start.

    theta = (w, a) with w of shape (R, r, copies m) and a of shape (R, copies m): neurons on the last, contiguous
    axis. The inputs, bias appended, are given in an orthonormal basis of their span of dimension r; the part of w
    outside never moves and enters |w(0)| alone, through `outside`. Antisymmetric initialisation is a second copy of
    all neurons with -a: f(0) = 0, kappa = m^-gamma with m the width of one copy. RD is over the first copy.
    """

    kappa: Tensor
    kappa_prime: Tensor
    betas: tuple[Tensor, ...]  # (beta2, beta1): the scales of w and of a
    outside: Tensor  # |w(0)|^2 of one copy outside the span
    inputs: Tensor = shared()  # (n, r)
    basis: Tensor = shared()  # (d, r), orthonormal: the span in the input space
    activation: activations.Activation = shared()
    copies: int = shared()
    lifted: bool = shared()  # w carries all d dimensions, the part outside the span included

    blocks = ("w", "a")

    @classmethod
    def build(
        cls,
        runs: Sequence[Run],
        data: Dataset,
        *,
        activation: str = "relu",
        bias: bool = True,
        antisymmetric: bool = True,
        reduce: bool = True,
        device: str = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> tuple[TwoLayer, Theta]:
        """Return the stack of these runs, all of one width, and its parameters at the start."""
        x = np.column_stack([data.x, np.ones(len(data.x))]) if bias else data.x
        basis = span_basis(x)
        drawn = {run.seed: _draw(run, basis, reduce) for run in runs}
        w, a, outside = zip(*(drawn[run.seed] for run in runs), strict=True)
        copies = 2 if antisymmetric else 1
        number = functools.partial(column, like=dtype, device=device)
        network = cls(
            kappa=number([run.scales.kappa for run in runs]),
            kappa_prime=number([run.scales.kappa_prime for run in runs]),
            betas=(number([run.scales.beta2 for run in runs]), number([run.scales.beta1 for run in runs])),
            outside=number(outside),
            inputs=torch.as_tensor(x @ basis if reduce else x, dtype=dtype, device=device),
            basis=torch.as_tensor(basis, dtype=dtype, device=device),
            activation=activations.get(activation),
            copies=copies,
            lifted=not reduce,
        )
        signs = (1.0, -1.0)[:copies]
        weights = torch.stack([torch.as_tensor(x, dtype=dtype) for x in w]).repeat(1, 1, copies)
        outputs = torch.stack([torch.as_tensor(x, dtype=dtype) for x in a])
        return network, (weights.to(device), torch.cat([sign * outputs for sign in signs], dim=1).to(device))

    @property
    def clock(self) -> Tensor:
        """1 / alpha = kappa / (beta1 beta2)."""
        return self.kappa / (self.betas[0] * self.betas[1])

    @property
    def homogeneous(self) -> bool:
        """Whether beta2 drops out."""
        return self.activation in activations.HOMOGENEOUS

    def features(self, theta: Theta, tile: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """Return h = s(beta2 w.x) / beta2 and g = a s'(beta2 w.x) of a tile of neurons, each of shape (R, n, tile)."""
        w, a = theta
        z = torch.matmul(self.inputs, w[:, :, tile])
        if self.homogeneous:
            h, slope = self.activation(z)
        else:
            beta2 = self.betas[0][:, None, None]
            h, slope = self.activation(z.mul_(beta2))
            h = h / beta2
        return h, slope * a[:, None, tile]

    def stage(self, theta: Theta, kernel: bool = True) -> TwoLayerStage:
        """Return f = kappa sum a h and K = (kappa/n) [h h^T / kappa' + kappa' (X X^T) o (g g^T)]."""
        runs, neurons = theta[1].shape
        n = len(self.inputs)
        keep = runs * n * neurons <= KEPT
        f = theta[1].new_zeros(runs, n)
        hh, gg = (theta[1].new_zeros(runs, n if kernel else 0, n if kernel else 0) for _ in "hg")
        kept = None
        for tile in [slice(None)] if keep else self.tiles(theta):
            h, g = self.features(theta, tile)
            f += torch.matmul(h, theta[1][:, tile, None])[..., 0]
            if kernel:
                hh += torch.matmul(h, h.mT)
                gg += torch.matmul(g, g.mT)
            kept = (h, g) if keep else None
        if kernel:
            rate = self.kappa_prime[:, None, None]
            hh = (self.kappa[:, None, None] / n) * (hh / rate + rate * (self.inputs @ self.inputs.T) * gg)
        return TwoLayerStage(self, theta, self.kappa[:, None] * f, hh, kept)

    def tiles(self, theta: Theta) -> Iterator[slice]:
        """Return slices of the neurons with about TILE numbers of features each."""
        runs, neurons = theta[1].shape
        size = max(256, TILE // (runs * len(self.inputs)))
        return (slice(start, start + size) for start in range(0, neurons, size))

    def sizes(self, theta: Theta) -> Theta:
        """Return |w| in the span and |a|."""
        w, a = norms(theta)
        return ((w**2 - self.copies * self.outside).clamp(min=0).sqrt() if self.lifted else w), a

    def relative_change(self, theta: Theta, origin: Theta) -> dict[str, Tensor]:
        """Return RD_w, RD_a and RD_theta of the first copy."""
        m = theta[1].shape[-1] // self.copies
        moved = norms(tuple(now[..., :m] - start[..., :m] for now, start in zip(theta, origin, strict=True)))
        start_w, start_a = norms(tuple(block[..., :m] for block in origin))
        if not self.lifted:
            start_w = (start_w**2 + self.outside).sqrt()
        both = torch.hypot(*moved) / torch.hypot(start_w, start_a)
        return {"w": moved[0] / start_w, "a": moved[1] / start_a, "theta": both}

    def neurons(self, theta: Theta) -> tuple[Tensor, Tensor, Tensor]:
        """Return the directions w / |w| and the amplitudes |a| |w| in the span, and which neurons see any data point.

        A neuron with h = g = 0 on all the data (ReLU) is inactive: it never moves and keeps a random direction.
        """
        w, a = theta
        if self.lifted:
            w = torch.matmul(self.basis.T, w)
        length = torch.linalg.vector_norm(w, dim=1)
        active = torch.cat(
            [
                torch.logical_or(*((x != 0).any(dim=1) for x in self.features(theta, tile)))
                for tile in self.tiles(theta)
            ],
            dim=1,
        )
        return w / length[:, None].clamp(min=torch.finfo(w.dtype).tiny), a.abs() * length, active


@dataclass(frozen=True)
class TwoLayerStage(Batched):
    """Two-layer networks linearised at theta; `kept` holds the features (h, g) where they are small."""

    network: TwoLayer
    theta: Theta
    outputs: Tensor
    kernel: Tensor
    kept: tuple[Tensor, Tensor] | None

    def pullback(self, v: Tensor) -> Theta:
        """Return F v = (kappa'/n) (g o v) X for w and h v / (n kappa') for a."""
        network = self.network
        n = len(network.inputs)
        rate = network.kappa_prime[:, None, None]
        to_w = network.inputs.T * (v[:, None, :] * rate / n)
        to_a = v[:, None, :] / (n * rate)
        if self.kept is not None:
            h, g = self.kept
            return torch.matmul(to_w, g), torch.matmul(to_a, h)[:, 0]
        w, a = (torch.empty_like(block) for block in self.theta)
        for tile in network.tiles(self.theta):
            h, g = network.features(self.theta, tile)
            w[..., tile] = torch.matmul(to_w, g)
            a[..., tile] = torch.matmul(to_a, h)[:, 0]
        return w, a


def _draw(run: Run, basis: np.ndarray, reduce: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """Return w, a and |w|^2 outside the span: defined in the span, and the same draw when lifted to d dimensions."""
    m, (d, r) = run.neurons, basis.shape
    a = numpy_stream(run.seed, m, 0).standard_normal(m)
    w = numpy_stream(run.seed, m, 1).standard_normal((r, m))
    outside = float(numpy_stream(run.seed, m, 2).chisquare(m * (d - r))) if d > r else 0.0
    if reduce:
        return w, a, outside
    w = basis @ w
    if d > r:
        rest = numpy_stream(run.seed, m, 3).standard_normal((d, m))
        rest -= basis @ (basis.T @ rest)
        w += rest * np.sqrt(outside / np.square(rest).sum())
    return w, a, outside
