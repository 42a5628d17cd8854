"""Two-layer networks in closed form, stacked, streamed over neurons and trained in the span of the data."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condense.data import Dataset
from condense.networks import activations, kinks
from condense.networks.base import Gauge, LinearStage, OfNeurons, Stage, Theta, column, minus, norms, numpy_stream
from condense.networks.batched import Batched, shared
from condense.networks.draws import drawn, stacked
from condense.networks.span import span_basis, with_bias
from condense.networks.unrolled import LEAKS, POINTS
from condense.planes.scales import Scales
from condense.run import Run

__all__ = ["TwoLayer", "TwoLayerStage"]

KEPT = 2**20
"""Features of at most this many numbers are kept by a stage; larger ones are computed again, a tile at a time."""

TILE = 2**17
"""Numbers in a tile of features, so that a tile stays in the cache."""

MASKS = 4
"""The stream of random numbers that dropout draws from; those of the weights are 0 to 3."""


class Stages(Protocol):
    """What makes the stage of a network at a displacement, at the draw without one."""

    def __call__(self, network: TwoLayer, displacement: Theta | None) -> Stage: ...


class Tile(NamedTuple):
    """Some neurons of one copy."""

    neurons: slice  # their places among all copies
    drawn: slice  # and in the draw, which the copies share
    sign: float  # of a(0)


@dataclass(frozen=True)
class TwoLayer(Batched, OfNeurons):
    """f(x) = kappa sum_k a_k s(beta2 w_k . x) / beta2, with (w, a) standard normal at the start.

    theta = (w, a) with w of shape (R, r, copies m) and a of shape (R, copies m): neurons on the last, contiguous
    axis. The inputs, bias appended, are given in an orthonormal basis of their span of dimension r; the part of w
    outside never moves and enters |w(0)| alone, through `outside`. Antisymmetric initialisation is a second copy of
    all neurons with -a: f(0) = 0, kappa = m^-gamma with m the width of one copy. RD is over the first copy. Runs of
    one seed share one draw: S draws of one copy, and `draw` says which is whose.

    With dropout (keep < 1) the gradient of a step is that of a `sampled` network: every neuron counts with
    probability `keep`, for each data point by itself, and then 1 / keep times, so that f is right on average. All that
    is measured is measured without.
    """

    kappa: Tensor
    kappa_prime: Tensor
    betas: tuple[Tensor, ...]  # (beta2, beta1): the scales of w and of a
    draw: Tensor
    drawn: Theta = shared()  # w (S, r, m) and a (S, m)
    lengths: Theta = shared()  # |w(0)| and |a(0)| of one copy, each (S,)
    outside: Tensor = shared()  # |w(0)|^2 of one copy outside the span, (S,)
    inputs: Tensor = shared()  # (n, r)
    basis: Tensor = shared()  # (d, r), orthonormal: the span in the input space
    activation: activations.Activation = shared()
    copies: int = shared()
    lifted: bool = shared()  # w carries all d dimensions, the part outside the span included
    leak: float | None = shared()  # of s(z) = max(z, leak z) if neurons are followed through their kinks
    stages: Stages | None = shared()  # who makes the stages that steps are taken from; none: `reference`
    seeds: tuple[int, ...] = shared()  # of the S draws
    keep: float = shared(default=1.0)
    kept: Tensor | None = None  # of a sampled network, (R, n, copies m): which neurons count
    notes: dict[Any, Any] = shared(default_factory=dict)

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
        keep: float = 1.0,
        device: str = "cpu",
        dtype: torch.dtype = torch.float64,
        stages: Stages | None = None,
    ) -> TwoLayer:
        """Return the stack of these runs, all of one width.

        Args:
            runs, data: what is trained, and on what.
            activation: s, by name or dotted path.
            bias: a constant is appended to the inputs.
            antisymmetric: a second copy with -a, so that f(0) = 0.
            reduce: w is given in the span of the data, not in all d dimensions.
            keep: the share of the neurons that dropout keeps.
            device, dtype: of all tensors.
            stages: `condense.networks.fused.FusedStage.at` for steps by compiled kernels, where there are any.
        """
        x = with_bias(data.x) if bias else data.x
        basis = span_basis(x)
        seeds = list({run.seed: None for run in runs})
        w, a, outside = zip(*(drawn(seed, runs[0].neurons, basis, reduce) for seed in seeds), strict=True)
        number = functools.partial(column, like=dtype, device=device)
        scales = [cast(Scales, run.scales) for run in runs]
        start = tuple(stacked(block).to(device=device, dtype=dtype) for block in (w, a))
        lengths = norms(start)
        inputs = torch.as_tensor(x @ basis if reduce else x, dtype=dtype, device=device)
        leak = LEAKS.get(activation) if len(inputs) <= POINTS else None
        return cls(
            kappa=number([each.kappa for each in scales]),
            kappa_prime=number([each.kappa_prime for each in scales]),
            betas=(number([each.beta2 for each in scales]), number([each.beta1 for each in scales])),
            draw=torch.tensor([seeds.index(run.seed) for run in runs], device=device),
            drawn=start,
            lengths=((lengths[0] ** 2 + number(outside)).sqrt() if reduce else lengths[0], lengths[1]),
            outside=number(outside),
            inputs=inputs,
            basis=torch.as_tensor(basis, dtype=dtype, device=device),
            activation=activations.get(activation),
            copies=2 if antisymmetric else 1,
            lifted=not reduce,
            leak=leak,
            stages=stages,
            seeds=tuple(seeds),
            keep=keep,
        )

    @property
    def clock(self) -> Tensor:
        """1 / alpha = kappa / (beta1 beta2)."""
        return self.kappa / (self.betas[0] * self.betas[1])

    @property
    def width(self) -> int:
        """m, the neurons of one copy."""
        return self.drawn[1].shape[-1]

    @property
    def homogeneous(self) -> bool:
        """Whether beta2 drops out."""
        return self.activation in activations.HOMOGENEOUS

    @property
    def parity(self) -> int:
        """-1 if s is odd, 1 if it is even, 0 if neither or not known."""
        return activations.PARITY.get(self.activation, 0)

    @property
    def rest(self) -> Theta:
        """The displacement zero, w of shape (R, r, copies m) and a of shape (R, copies m)."""
        w, a = self.drawn
        runs, neurons = len(self.draw), self.copies * self.width
        return w.new_zeros(runs, w.shape[1], neurons), a.new_zeros(runs, neurons)

    def parameters(self, displacement: Theta) -> Theta:
        """Return (w, a)."""
        w, a = zip(*(self.at(displacement, tile) for tile in self.tiles(whole=True)), strict=True)
        return torch.cat(w, dim=-1), torch.cat(a, dim=-1)

    def weights(self, displacement: Theta) -> dict[str, Tensor]:
        """Return w (R, neurons, r), a (R, neurons), which neurons are active, and the basis (R, d, r) if r < d."""
        w, a = self.parameters(displacement)
        found = {"w": w.mT, "a": a, "active": self.neurons(displacement)[2]}
        reduced = w.shape[1] < len(self.basis)
        return {**found, "basis": self.basis.expand(len(a), -1, -1)} if reduced else found

    def on(self, x: NDArray[np.float64]) -> TwoLayer | None:
        """Return the networks on other inputs; None where weights are not known outside the span of the data."""
        d = len(self.basis)
        if self.drawn[0].shape[1] < d:
            return None
        x = with_bias(x) if x.shape[1] < d else x
        return replace(self, inputs=torch.as_tensor(x).to(self.inputs), leak=None, stages=None, notes={})

    def at(self, displacement: Theta, tile: Tile) -> Theta:
        """Return (w, a) of a tile."""
        w, a = (self._of_runs(block[..., tile.drawn]) for block in self.drawn)
        return w + displacement[0][..., tile.neurons], tile.sign * a + displacement[1][..., tile.neurons]

    def of_neurons(self, displacement: Theta, runs: Tensor, places: Tensor) -> Theta:
        """Return w (r, k) and a (k,) of k neurons, given the run of each and its place among all copies."""
        draws, drawn, sign = self.draw[runs], places % self.width, 1 - 2 * (places // self.width)
        w = self.drawn[0].movedim(1, -1)[draws, drawn] + displacement[0].movedim(1, -1)[runs, places]
        return w.T, sign * self.drawn[1][draws, drawn] + displacement[1][runs, places]

    def _of_runs(self, drawn: Tensor) -> Tensor:
        """Return what belongs to a draw for every run."""
        return drawn if len(drawn) == 1 else drawn[self.draw]

    def features(self, displacement: Theta, tile: Tile) -> tuple[Tensor, Tensor, Tensor]:
        """Return h = s(beta2 w.x) / beta2, g = a s'(beta2 w.x), both (R, n, tile), and a of a tile of neurons."""
        w, a = self.at(displacement, tile)
        z = torch.matmul(self.inputs, w)
        if self.homogeneous:
            h, slope = self.activation(z)
        else:
            beta2 = self.betas[0][:, None, None]
            h, slope = self.activation(z.mul_(beta2))
            h = h / beta2
        if self.kept is not None:
            share = self.kept[..., tile.neurons].to(h.dtype) / self.keep
            h, slope = h * share, slope * share
        return h, slope * a[:, None], a

    def sampled(self, steps: Tensor) -> TwoLayer:
        """Return the stack with the neurons that dropout keeps in these steps, itself without dropout.

        What is kept depends on seed, width and step alone.
        """
        if self.keep == 1:
            return self
        pairs = list(zip(self.draw.tolist(), steps.tolist(), strict=True))
        masks = {pair: self._mask(*pair) for pair in set(pairs)}
        return replace(self, kept=torch.stack([masks[pair] for pair in pairs]).to(self.draw.device))

    def _mask(self, draw: int, step: int) -> Tensor:
        stream = numpy_stream(self.seeds[draw], self.width, MASKS, step)
        mask = np.empty((len(self.inputs), self.copies * self.width), dtype=np.bool_)
        for row in mask:
            np.less(stream.random(len(row), dtype=np.float32), self.keep, out=row)
        return torch.from_numpy(mask)

    def parameters_in_span(self, displacement: Theta) -> Theta:
        """Return (w, a), w in the span of the data, of shape (R, r, copies m)."""
        w, a = self.parameters(displacement)
        return (self.in_span(w.mT).mT if self.lifted else w), a

    def outputs(self, w: Tensor, a: Tensor) -> Tensor:
        """Return f, (R, n), of other neurons in place of these: w in the span, (R, r, k), and a, (R, k)."""
        beta2 = 1.0 if self.homogeneous else self.betas[0][:, None, None]
        z = torch.matmul(self.in_span(self.inputs) if self.lifted else self.inputs, w)
        return self.kappa[:, None] * torch.matmul(self.activation(z * beta2)[0] / beta2, a[..., None])[..., 0]

    def stage(self, displacement: Theta | None = None, kernel: bool = True) -> Stage:
        """Return f = kappa sum a h and K = (kappa/n) [h h^T / kappa' + kappa' (X X^T) o (g g^T)].

        With the kernel it is one of `stages`, which may step by compiled kernels.
        """
        if kernel and self.stages is not None:
            return self.stages(self, displacement)
        return self.reference(displacement, kernel)

    def reference(
        self, displacement: Theta | None = None, kernel: bool = True, crossed: Tensor | None = None
    ) -> TwoLayerStage:
        """Return the stage that works by torch; `crossed` says which neurons crossed a kink on the way there."""
        displacement = self.rest if displacement is None else displacement
        runs, neurons = displacement[1].shape
        n = len(self.inputs)
        keep = runs * n * neurons <= KEPT
        f = displacement[1].new_zeros(runs, n)
        hh, gg = (f.new_zeros(runs, n if kernel else 0, n if kernel else 0) for _ in "hg")
        kept = []
        for tile in self.tiles(whole=keep):
            h, g, a = self.features(displacement, tile)
            f += torch.matmul(h, a[..., None])[..., 0]
            if kernel:
                hh += torch.matmul(h, h.mT)
                gg += torch.matmul(g, g.mT)
            if keep:
                kept.append((h, g))
        K = self.kernel(hh, gg) if kernel else hh
        return TwoLayerStage(self, displacement, self.kappa[:, None] * f, K, tuple(kept), crossed)

    def kernel(self, hh: Tensor, gg: Tensor) -> Tensor:
        """Return K from h h^T and g g^T."""
        rate = self.kappa_prime[:, None, None]
        return (self.kappa[:, None, None] / len(self.inputs)) * (hh / rate + rate * (self.inputs @ self.inputs.T) * gg)

    def pull(self, v: Tensor) -> Theta:
        """Return v kappa'/n and v / (n kappa'): what (g o v) X and h v are multiplied by in F v."""
        rate = self.kappa_prime[:, None]
        return v * rate / len(self.inputs), v / (len(self.inputs) * rate)

    def tiles(self, whole: bool = False) -> Iterator[Tile]:
        """Return the neurons in tiles of about TILE features, or of a whole copy."""
        m = self.width
        size = m if whole else max(256, TILE // (len(self.draw) * len(self.inputs)))
        for copy, start in product(range(self.copies), range(0, m, size)):
            stop = min(start + size, m)
            yield Tile(slice(copy * m + start, copy * m + stop), slice(start, stop), (1.0, -1.0)[copy])

    def sizes(self, displacement: Theta) -> Theta:
        """Return |w| in the span and |a|."""
        squares = [[x**2 for x in norms(self.at(displacement, tile))] for tile in self.tiles()]
        w, a = (torch.stack(block).sum(dim=0) for block in zip(*squares, strict=True))
        outside = self.copies * self._of_runs(self.outside) if self.lifted else 0.0
        return (w - outside).clamp(min=0).sqrt(), a.sqrt()

    def relative_change(self, displacement: Theta) -> dict[str, Tensor]:
        """Return RD_w, RD_a and RD_theta of the first copy."""
        return self.relative(self.change(displacement))

    def change(self, displacement: Theta) -> Theta:
        """Return |w - w(0)| and |a - a(0)| of the first copy."""
        return norms(tuple(block[..., : self.width] for block in displacement))

    def relative(self, change: Theta) -> dict[str, Tensor]:
        """Return RD_w, RD_a and RD_theta from the changes |w - w(0)| and |a - a(0)| of the first copy."""
        start = tuple(self._of_runs(length) for length in self.lengths)
        both = torch.hypot(*change) / torch.hypot(*start)
        return {"w": change[0] / start[0], "a": change[1] / start[1], "theta": both}

    @property
    def starts(self) -> list[Any]:
        """The draw, and beta2 where which neurons are active depends on it."""
        draws = self.draw.tolist()
        return draws if self.homogeneous else list(zip(draws, self.betas[0].tolist(), strict=True))

    def neurons(self, displacement: Theta) -> tuple[Tensor, Tensor, Tensor]:
        """Return the directions w / |w| and the amplitudes |a| |w| in the span, and which neurons see any data point.

        A neuron with h = g = 0 on all the data (ReLU) is inactive: it never moves and keeps a random direction.
        """
        found = [self._neurons(displacement, tile) for tile in self.tiles()]
        directions, amplitudes, active = (torch.cat(parts, dim=-1) for parts in zip(*found, strict=True))
        return directions, amplitudes, active

    def mean_input(self, targets: Tensor) -> Tensor:
        """Return z = (1/n) sum_i y_i x_i, shape (R, d)."""
        z, terms = (y @ x / len(x) for y, x in ((targets, self.inputs), (targets.abs(), self.inputs.abs())))
        if not self.lifted:
            z, terms = z @ self.basis.T, terms @ self.basis.T.abs()
        rounding = 100 * torch.finfo(z.dtype).eps * terms  # of a component that is zero by symmetry the sign is noise
        return z.where(z.abs() > rounding, 0.0)

    def in_span(self, vectors: Tensor) -> Tensor:
        """Return vectors of the input space in the basis of the span, shape (R, r)."""
        return vectors @ self.basis

    def velocity(self, w: Tensor, residual: Tensor) -> Tensor:
        """Return -(kappa'/n) sum_i e_i s'(beta2 w.x_i) x_i for neurons w in the span, both (R, r, k)."""
        inputs = self.in_span(self.inputs) if self.lifted else self.inputs
        slope = self.activation(torch.matmul(inputs, w) * self.betas[0][:, None, None])[1]
        return -torch.matmul(inputs.T * self.pull(residual)[0][:, None], slope)

    def share_along(self, displacement: Theta, vectors: Tensor) -> Tensor:
        """Return |w v| / |w| over the neurons of all copies, in the span of the data, v along `vectors`."""
        along = self.in_span(vectors)
        along = along / along.norm(dim=1, keepdim=True)
        parts = []
        for tile in self.tiles():
            w = self.at(displacement, tile)[0]
            w = torch.matmul(self.basis.T, w) if self.lifted else w
            part = torch.matmul(along[:, None], w)[:, 0]
            parts.append(torch.stack([part.square().sum(dim=1), w.square().sum(dim=(1, 2))]))
        along_it, whole = torch.stack(parts).sum(dim=0)
        share: Tensor = (along_it / whole).sqrt()
        return share

    def _neurons(self, displacement: Theta, tile: Tile) -> tuple[Tensor, Tensor, Tensor]:
        w, a = self.at(displacement, tile)
        if self.activation is activations.relu:
            active = torch.matmul(self.inputs, w).amax(dim=1) > 0
        else:
            active = torch.logical_or(*((x != 0).any(dim=1) for x in self.features(displacement, tile)[:2]))
        if self.lifted:
            w = torch.matmul(self.basis.T, w)
        length = w.square().sum(dim=1).sqrt_()
        return w / length[:, None].clamp(min=torch.finfo(w.dtype).tiny), a.abs() * length, active


@dataclass(frozen=True)
class TwoLayerStage(Batched, LinearStage):
    """Two-layer networks linearised at theta; `kept` holds the features (h, g) of both copies where they are small.

    Neurons that run into a kink within a step are followed through it where the network says so (`leak`).
    """

    network: TwoLayer
    displacement: Theta
    outputs: Tensor
    kernel: Tensor
    kept: tuple[tuple[Tensor, Tensor], ...]
    crossed: Tensor | None = None

    def predict(self, v: Tensor) -> TwoLayerStage:
        """Return the stage at theta_p = theta - F v."""
        end = minus(self.displacement, self.pullback(v))
        if self.network.leak is None:
            return self.network.reference(end)
        crossed = self._crossing(end)
        return self.network.reference(self._followed(end, crossed, v), crossed=crossed)

    def correct(self, v: Tensor, predicted: TwoLayerStage, v_p: Tensor) -> tuple[Stage, Gauge]:
        """Return the stage at theta1 = theta - F v - F_p v_p, and its gauge."""
        end = minus(minus(self.displacement, self.pullback(v)), predicted.pullback(v_p))
        if predicted.crossed is not None:
            end = self._followed(end, predicted.crossed | self._crossing(end), v + v_p)
        gauge = Gauge(norms(minus(end, predicted.displacement)), norms(end), self.network.sizes(end))
        return self.network.stage(end), gauge

    def _crossing(self, end: Theta) -> Tensor:
        """Return which neurons see other data points there than here, (R, copies m)."""
        network, crossed = self.network, torch.empty(self.displacement[1].shape, dtype=torch.bool)
        crossed = crossed.to(self.outputs.device)
        for tile in network.tiles():
            start_w, end_w = (network.at(displacement, tile)[0] for displacement in (self.displacement, end))
            crossed[:, tile.neurons] = kinks.crossing(network.inputs, start_w, end_w)
        return crossed

    def _followed(self, end: Theta, crossed: Tensor, v: Tensor) -> Theta:
        """Return the end of a step theta - F v with the crossing neurons where they come through their kinks."""
        network = self.network
        assert network.leak is not None
        runs, places = crossed.nonzero(as_tuple=True)
        w, a = network.of_neurons(self.displacement, runs, places)
        for_w, for_a = (factor[runs].T for factor in network.pull(v))
        moved_w, moved_a = kinks.follow(network.inputs, network.leak, w, a, for_w, for_a)
        end[0].movedim(1, -1)[runs, places] = self.displacement[0].movedim(1, -1)[runs, places] + moved_w.T
        end[1][runs, places] = self.displacement[1][runs, places] + moved_a
        return end

    def pullback(self, v: Tensor) -> Theta:
        """Return F v = (kappa'/n) (g o v) X for w and h v / (n kappa') for a."""
        network = self.network
        for_w, for_a = network.pull(v)
        to_w, to_a = network.inputs.T * for_w[:, None], for_a[:, None]
        w, a = (torch.empty_like(block) for block in self.displacement)
        for tile, (h, g) in self._features():
            w[..., tile.neurons] = torch.matmul(to_w, g)
            a[..., tile.neurons] = torch.matmul(to_a, h)[:, 0]
        return w, a

    def _features(self) -> Iterator[tuple[Tile, tuple[Tensor, Tensor]]]:
        network = self.network
        if self.kept:
            yield from zip(network.tiles(whole=True), self.kept, strict=True)
        else:
            yield from ((tile, network.features(self.displacement, tile)[:2]) for tile in network.tiles())
