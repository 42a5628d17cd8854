"""Three-layer networks in closed form, stacked; the change of the m x m matrix is kept in few rows."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condense.data import Dataset
from condense.networks import activations
from condense.networks.base import Gauge, WithDirections, column, norms, numpy_stream
from condense.networks.batched import Batched, shared, where
from condense.networks.draws import drawn, stacked
from condense.networks.low_rank import POWERS, LowRank, Sum, norm
from condense.networks.span import span_basis, with_bias
from condense.planes.scales import LayerScales
from condense.run import Run

__all__ = ["ThreeLayer", "ThreeLayerStage"]

MATRIX = 5
"""The stream of random numbers that the m x m matrix is drawn from; those of the other layers are 0 to 3."""

CUTS = (1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
"""Singular values of the change of the matrix that are left out, by the largest: the first that is harmless."""

HARMLESS = 0.01
"""What leaving them out may do to the output, by what the step did to it."""

Moved = tuple[Tensor, LowRank, Tensor]
"""theta - theta(0): w1 (R, copies, r, m), w2 of few rows, a (R, copies, m)."""

Trial = tuple[Tensor, Sum, Tensor]
"""The same where a step was tried."""


@dataclass(frozen=True)
class ThreeLayer(Batched, WithDirections):
    """f(x) = kappa a . h2,  h2 = s(beta1 beta2 W2 h1) / (beta1 beta2),  h1 = s(beta1 W1 (x, 1)) / beta1.

    theta = (W1, W2, a) is standard normal at the start. The first layer is trained in the span of the data as in
    `condense.networks.two_layer`. W2 = W2(0) + P^T Q: what a run keeps of it is P and Q (`condense.networks.low_rank`),
    and W2(0) is one for all runs of a seed. Antisymmetric initialisation is a second copy of the network with -a. The
    copies compete: with d large one of them carries the target, so the relative change is over both, that of each told
    beside it (`of_copies`).
    """

    kappa: Tensor
    betas: tuple[Tensor, ...]  # of W1, W2 and a
    draw: Tensor  # (R,)
    drawn: tuple[Tensor, ...] = shared()  # W1 (S, r, m), W2 (S, m, m), a (S, m)
    lengths: tuple[Tensor, ...] = shared()  # |theta(0)| of every block of one copy, each (S,)
    inputs: Tensor = shared()  # (n, r)
    basis: Tensor = shared()  # (d, r)
    activation: activations.Activation = shared()
    copies: int = shared()
    notes: dict[Any, Any] = shared(default_factory=dict)

    blocks = ("w1", "w2", "a")

    @classmethod
    def build(
        cls,
        runs: Sequence[Run],
        data: Dataset,
        *,
        activation: str = "relu",
        bias: bool = True,
        antisymmetric: bool = True,
        device: str = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> ThreeLayer:
        """Return the stack of these runs, all of one width; see `condense.networks.two_layer.TwoLayer.build`."""
        x = with_bias(data.x) if bias else data.x
        basis = span_basis(x)
        m = runs[0].neurons
        seeds = list({run.seed: None for run in runs})
        to = functools.partial(torch.as_tensor, dtype=dtype, device=device)
        number = functools.partial(column, like=dtype, device=device)
        first, last, outside = zip(*(drawn(seed, m, basis) for seed in seeds), strict=True)
        blocks = tuple(to(stacked(layer)) for layer in (first, [_matrix(seed, m) for seed in seeds], last))
        lengths = norms(blocks)
        return cls(
            kappa=number([run.scales.kappa for run in runs]),
            betas=tuple(number(betas) for betas in zip(*(_betas(run) for run in runs), strict=True)),
            draw=torch.tensor([seeds.index(run.seed) for run in runs], device=device),
            drawn=blocks,
            lengths=((lengths[0] ** 2 + number(outside)).sqrt(), *lengths[1:]),
            inputs=to(x @ basis),
            basis=to(basis),
            activation=activations.get(activation),
            copies=2 if antisymmetric else 1,
        )

    @property
    def width(self) -> int:
        """m, the neurons of one layer of one copy."""
        return self.drawn[2].shape[-1]

    @property
    def clock(self) -> Tensor:
        """kappa / (prod_l beta_l)^(2/3)."""
        return self.kappa / self._common

    @property
    def _common(self) -> Tensor:
        return torch.stack(self.betas).log().mean(dim=0).mul(2).exp()

    @property
    def rates(self) -> tuple[Tensor, ...]:
        """tau_l = (prod_k beta_k)^(2/3) / beta_l^2, each of shape (R,)."""
        return tuple(self._common / beta**2 for beta in self.betas)

    @property
    def rest(self) -> Moved:
        """The displacement zero."""
        w1, _, a = self.drawn
        runs, like = len(self.draw), (self.copies, self.width)
        return (
            w1.new_zeros(runs, self.copies, *w1.shape[1:]),
            LowRank.zero(runs, *like, like=a),
            a.new_zeros(runs, *like),
        )

    @property
    def signs(self) -> Tensor:
        """Of a(0) in every copy, (copies, 1)."""
        return torch.tensor([[1.0], [-1.0]]).to(self.kappa)[: self.copies]

    def parameters(self, displacement: Moved) -> tuple[Tensor, ...]:
        """Return (W1, W2, a), W2 of shape (R, copies, m, m): for small networks."""
        w1, w2, a = displacement
        whole = self.drawn[1][self.draw, None] + torch.matmul(w2.p.mT, w2.q)
        return self._first(w1), whole, self._last(a)

    def _first(self, w1: Tensor) -> Tensor:
        return self.drawn[0][self.draw, None] + w1

    def _last(self, a: Tensor) -> Tensor:
        return self.signs * self.drawn[2][self.draw, None] + a

    def weights(self, displacement: Moved) -> dict[str, Tensor]:
        """Return W1 (R, copies, m, r), a (R, copies, m), and the basis (R, d, r) if r < d.

        Of W2, which would be large, the rows P and Q of its change P^T Q, (R, copies K, m), those of copy 1 first.
        """
        w1, w2, a = displacement
        rows = {"w2_p": w2.p.flatten(1, 2), "w2_q": w2.q.flatten(1, 2)}
        found = {"w1": self._first(w1).mT, "a": self._last(a), **rows}
        reduced = w1.shape[2] < len(self.basis)
        return {**found, "basis": self.basis.expand(len(a), -1, -1)} if reduced else found

    def on(self, x: NDArray[np.float64]) -> ThreeLayer | None:
        """Return the networks on other inputs; None where weights are not known outside the span of the data."""
        d = len(self.basis)
        if self.drawn[0].shape[1] < d:
            return None
        x = with_bias(x) if x.shape[1] < d else x
        return replace(self, inputs=torch.as_tensor(x).to(self.inputs))

    def sampled(self, steps: Tensor) -> ThreeLayer:
        """Return itself: nothing in it is random."""
        return self

    def times(self, h: Tensor, transposed: bool = False) -> Tensor:
        """Return W2(0) h, or W2(0)^T h, of vectors h as rows, (R, copies, n, m): one product for all runs of a seed."""
        if len(self.drawn[1]) == 1:
            return self._product(0, h, transposed)
        found = torch.empty_like(h)
        for draw in sorted(set(self.draw.tolist())):
            runs = self.draw == draw
            found[runs] = self._product(draw, h[runs], transposed)
        return found

    def _product(self, draw: int, h: Tensor, transposed: bool) -> Tensor:
        matrix = self.drawn[1][draw]
        return torch.matmul(h.reshape(-1, self.width), matrix if transposed else matrix.T).view(h.shape)

    def stage(self, displacement: Moved | Trial | None = None, kernel: bool = True) -> ThreeLayerStage:
        """Return the networks linearised at theta.

        f = kappa sum a h2, and with b2 = a o s'(z2), b1 = (W2^T b2) o s'(z1), over all copies

            K = (kappa/n) [tau_a h2 h2^T + tau_2 (h1 h1^T) o (b2 b2^T) + tau_1 (X X^T) o (b1 b1^T)].
        """
        w1, w2, a = displacement = self.rest if displacement is None else displacement
        beta1, beta2 = (beta[:, None, None, None] for beta in self.betas[:2])
        h1, slope1 = self._activated(torch.matmul(self.inputs, self._first(w1)), beta1)
        h2, slope2 = self._activated(self.times(h1) + w2.times(h1), beta1 * beta2)
        last = self._last(a)
        f = self.kappa[:, None] * torch.einsum("rcnm,rcm->rn", h2, last)
        b2 = last[:, :, None] * slope2
        b1 = (self.times(b2, transposed=True) + w2.transposed_times(b2)) * slope1
        K = self._kernel(h1, h2, b1, b2) if kernel else f.new_zeros(len(f), 0, 0)
        return ThreeLayerStage(self, displacement, f, K, h1, h2, b1, b2)

    def _activated(self, z: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        if self.activation in activations.HOMOGENEOUS:
            return self.activation(z)
        h, slope = self.activation(scale * z)
        return h / scale, slope

    def _kernel(self, h1: Tensor, h2: Tensor, b1: Tensor, b2: Tensor) -> Tensor:
        of_w1, of_w2, of_a = (rate[:, None, None] for rate in self.rates)
        hh1, hh2, bb1, bb2 = (torch.matmul(x, x.mT) for x in (h1, h2, b1, b2))
        gram = self.inputs @ self.inputs.T
        summed = of_a * hh2.sum(dim=1) + of_w2 * (hh1 * bb2).sum(dim=1) + of_w1 * gram * bb1.sum(dim=1)
        return self.kappa[:, None, None] / len(self.inputs) * summed

    def pull(self, v: Tensor) -> tuple[Tensor, ...]:
        """Return tau_l v / n of every layer, each of shape (R, 1, n)."""
        return tuple((rate[:, None] * v / len(self.inputs))[:, None] for rate in self.rates)

    def sizes(self, displacement: Moved) -> tuple[Tensor, ...]:
        """Return |W1| in the span and |a|, and of W2, which is moved along few directions, |W2 - W2(0)| + m^1/2."""
        w1, w2, a = displacement
        of_w2 = w2.norm() + math.sqrt(self.copies * self.width)
        first, last = norms((self._first(w1), self._last(a)))
        return first, of_w2, last

    def change(self, displacement: Moved) -> tuple[Tensor, ...]:
        """Return |theta - theta(0)| of every block over all copies, each (R,)."""
        w1, w2, a = displacement
        first, last = norms((w1, a))
        return first, w2.norm(), last

    def relative_change(self, displacement: Moved) -> dict[str, Tensor]:
        """Return RD of every block and of all parameters ("theta") over all copies, each (R,)."""
        moved = torch.stack(self.change(displacement))
        start = torch.stack([length[self.draw] for length in self.lengths]) * math.sqrt(self.copies)
        each = dict(zip(self.blocks, moved / start, strict=True))
        return {**each, "theta": moved.norm(dim=0) / start.norm(dim=0)}

    @property
    def starts(self) -> list[Any]:
        """The draw."""
        return self.draw.tolist()

    def neurons(self, displacement: Moved) -> tuple[Tensor, Tensor, Tensor]:
        """Return the directions in the span of the neurons of the first layer, their amplitudes, and which are active.

        The amplitude of neuron k is |w_k| times the length of column k of W2, by which the second layer sees it.
        """
        w1, w2, _ = displacement
        w = self._first(w1).transpose(1, 2).flatten(2)  # (R, r, copies m)
        h, slope = self._activated(torch.matmul(self.inputs, w), self.betas[0][:, None, None])
        length = w.square().sum(dim=1).sqrt()
        amplitudes = length * self._columns(w2).flatten(1)
        active = torch.logical_or(*((x != 0).any(dim=1) for x in (h, slope)))
        return w / length[:, None].clamp(min=torch.finfo(w.dtype).tiny), amplitudes, active

    def mean_input(self, targets: Tensor) -> Tensor:
        """Return z = (1/n) sum_i y_i x_i in the basis of the span, (R, r), for y of shape (R, n)."""
        return targets @ self.inputs / len(self.inputs)

    def along(self, displacement: Moved, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return u = W1 z / |z| and a of the first copy, each (R, m)."""
        unit = z / z.norm(dim=1, keepdim=True)
        return torch.einsum("rj,rjm->rm", unit, self._first(displacement[0])[:, 0]), self._last(displacement[2])[:, 0]

    def first_length(self, displacement: Moved) -> Tensor:
        """Return |W1| of the first copy in the span of the data, (R,)."""
        return norms((self._first(displacement[0])[:, 0],))[0]

    def multiplied(self, displacement: Moved, x: Tensor, transposed: bool = False) -> Tensor:
        """Return W2 x, or W2^T x, of the first copy for x of shape (R, m)."""
        w2, rows = displacement[1], x[:, None, None].expand(-1, self.copies, -1, -1)
        changed = w2.transposed_times(rows) if transposed else w2.times(rows)
        return (self.times(rows.contiguous(), transposed) + changed)[:, 0, 0]

    def top_share(self, displacement: Moved) -> Tensor:
        """Return s_1^2 / |W2|^2 of the first copy, (R,): from below, by power iteration."""
        x = self.multiplied(displacement, self._last(displacement[2])[:, 0], transposed=True)
        for _ in range(POWERS):
            x = x / x.norm(dim=1, keepdim=True)
            image = self.multiplied(displacement, x)
            top = image.square().sum(dim=1)
            x = self.multiplied(displacement, image, transposed=True)
        return top / self._columns(displacement[1])[:, 0].square().sum(dim=1)

    def _columns(self, w2: LowRank) -> Tensor:
        """Return the lengths of the columns of W2, (R, copies, m)."""
        start = self.drawn[1].square().sum(dim=1)[self.draw, None]
        crossed = (self.times(w2.p, transposed=True) * w2.q).sum(dim=2)  # W2(0)^T P, by columns
        changed = (torch.matmul(w2.pp, w2.q) * w2.q).sum(dim=2)
        return (start + 2 * crossed + changed).clamp(min=0).sqrt()

    def of_copies(self, displacement: Moved) -> dict[str, Tensor]:
        """Return what is told beside RD, by column.

        That is the change of W2 in operator norm over 2 m^1/2, the operator norm of a wide W2(0), the larger one of
        the copies, and RD of every block of each copy.
        """
        w1, w2, a = displacement
        of_w2 = w2.squares().sqrt()
        told = {"rd_w2_op": w2.spectral().amax(dim=1) / (2 * math.sqrt(self.width))}
        for copy in range(self.copies if self.copies > 1 else 0):
            moved = (*norms((w1[:, copy], a[:, copy])), of_w2[:, copy])
            for block, change, start in zip(("w1", "a", "w2"), moved, (0, 2, 1), strict=True):
                told[f"copy{copy + 1}_rd_{block}"] = change / self.lengths[start][self.draw]
        return told


@dataclass(frozen=True)
class ThreeLayerStage(Batched):
    """Three-layer networks linearised at theta: h1, h2 and b1, b2 of `ThreeLayer.stage`, each (R, copies, n, m)."""

    network: ThreeLayer
    displacement: Any  # Moved; Trial of one that is only tried
    outputs: Tensor
    kernel: Tensor
    h1: Tensor
    h2: Tensor
    b1: Tensor
    b2: Tensor

    def moves(self, v: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """Return F v: of W1, of W2 as p and q with p^T q, of a."""
        to_w1, to_w2, to_a = self.network.pull(v)
        first = torch.matmul(self.network.inputs.T, to_w1[..., None] * self.b1)
        return first, (to_w2[..., None] * self.b2, self.h1), torch.matmul(to_a[:, :, None], self.h2)[:, :, 0]

    def predict(self, v: Tensor) -> Predicted:
        """Return what the networks give at theta_p = theta - F v."""
        w1, (p, q), a = self.moves(v)
        start = self.displacement
        end = start[0] - w1, Sum(start[1], -p, q), start[2] - a
        return Predicted(v, self.network.stage(end))

    def correct(self, v: Tensor, predicted: Predicted, v_p: Tensor) -> tuple[ThreeLayerStage, Gauge]:
        """Return the stage at theta1 = theta - F v - F_p v_p, and its gauge."""
        start, network = self.displacement, self.network
        (w1, (p, q), a), (w1_p, (p_p, q_p), a_p) = self.moves(v), predicted.stage.moves(v_p)
        end = start[0] - w1 - w1_p, start[1].plus(-torch.cat([p, p_p], 2), torch.cat([q, q_p], 2)), start[2] - a - a_p
        there = predicted.stage.displacement
        back = self.moves(v - predicted.v)[1][0]  # theta1 - theta_p = F (v_predicted - v) - F_p v_p
        of_w2 = norm(torch.cat([back, p_p], dim=2), torch.cat([q, q_p], dim=2))
        first, last = norms((end[0] - there[0], end[2] - there[2]))
        gauge = Gauge((first, of_w2, last), network.change(end), network.sizes(end))
        return self._short(network.stage(end)), gauge

    def _short(self, stage: ThreeLayerStage) -> ThreeLayerStage:
        """Return the stage with few rows of W2 - W2(0), as few as change the output by far less than the step did."""
        w1, w2, a = stage.displacement
        left = w2.long & stage.outputs.isfinite().all(dim=1)
        allowed = HARMLESS * (stage.outputs - self.outputs).norm(dim=1)
        for cut in CUTS:
            if not left.any():
                break
            shorter = self.network.stage((w1, w2.compressed(left, cut), a))
            fine = left & ((shorter.outputs - stage.outputs).norm(dim=1) <= allowed)
            stage = where(fine, shorter, stage)
            w2, left = stage.displacement[1], left & ~fine
        return stage

    def pace(self, v: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return |F v| and |theta| of every block."""
        first, of_w2, last = self.moves(v)
        return (*norms((first,)), norm(*of_w2), *norms((last,))), self.network.sizes(self.displacement)

    def relative_change(self) -> dict[str, Tensor]:
        """Return RD of every block and of all."""
        return self.network.relative_change(self.displacement)


class Predicted(NamedTuple):
    """Networks at theta_p = theta - F v."""

    v: Tensor
    stage: ThreeLayerStage

    @property
    def outputs(self) -> Tensor:
        """f, (R, n)."""
        return self.stage.outputs

    @property
    def kernel(self) -> Tensor:
        """K, (R, n, n)."""
        return self.stage.kernel


def _matrix(seed: int, m: int) -> NDArray[np.float64]:
    return numpy_stream(seed, m, MATRIX).standard_normal((m, m))


def _betas(run: Run) -> tuple[float, ...]:
    assert isinstance(run.scales, LayerScales)
    return run.scales.betas
