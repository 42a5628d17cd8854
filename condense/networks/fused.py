"""Two-layer networks that step by compiled kernels: two passes over the neurons a step, nothing stored between them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from condense.networks.base import Gauge, Theta
from condense.networks.batched import Batched, shared
from condense.networks.two_layer import TwoLayer
from condense.networks.unrolled import CHUNK, Kernels, kernels

__all__ = ["FusedStage"]

LEAST = 2**17
"""Neurons that are worth a thread of their own."""


@dataclass(frozen=True)
class FusedPoint:
    """What networks give at theta_p = theta - F p, and p."""

    outputs: Tensor
    kernel: Tensor
    p: Tensor


@dataclass(frozen=True)
class FusedStage(Batched):
    """Two-layer networks linearised at theta, their displacements in a store that the stages of a batch share.

    The store has two slots for each run, and `place` and `slot` say where a stage's are. A correction is written to
    the other slot of its run: rejecting a step or letting runs go moves no parameters at all.
    """

    network: TwoLayer
    outputs: Tensor
    kernel: Tensor
    change: Theta  # |w - w(0)| and |a - a(0)| of the first copy
    place: Tensor
    slot: Tensor
    store: Theta = shared()  # w (2, places, r, copies m) and a (2, places, copies m)

    @classmethod
    def at(cls, network: TwoLayer, displacement: Theta | None) -> FusedStage:
        """Return the stage at a displacement, or at the draw."""
        store = tuple(block.new_zeros(2, *block.shape) for block in network.rest)
        runs = torch.arange(len(network.draw))
        none = network.kappa.new_zeros(len(runs))
        start = cls(network, none, none, (none, none), runs, torch.zeros_like(runs), store)
        if displacement is not None:
            for slots, block in zip(store, displacement, strict=True):
                slots[0] = block
            start = replace(start, change=network.change(displacement))
        here = start.predict(start._nothing)
        return replace(start, outputs=here.outputs, kernel=here.kernel)

    @property
    def displacement(self) -> Theta:
        """theta - theta(0): of several runs a copy, of one what is in the store, to be overwritten."""
        if len(self.place) == 1:
            return tuple(block[int(self.slot), int(self.place)][None] for block in self.store)
        return tuple(block[self.slot, self.place] for block in self.store)

    def pullback(self, v: Tensor) -> Theta:
        """Return F v, by the reference."""
        return self.network.reference(self.displacement, kernel=False).pullback(v)

    def predict(self, v: Tensor) -> FusedPoint:
        """Return what the networks give at theta_p = theta - F v."""
        sums = self._pass(self._kernels.predict, v).sum(dim=1)
        return FusedPoint(*self._read(sums), v)

    def correct(self, v: Tensor, predicted: FusedPoint, v_p: Tensor) -> tuple[FusedStage, Gauge]:
        """Return the stage at theta1 = theta - F v - F_p v_p, and its gauge."""
        each = self._pass(self._kernels.correct, predicted.p, v, v_p)
        sums = each.sum(dim=1)
        gauge = Gauge(*((sums[:, k].sqrt(), sums[:, k + 1].sqrt()) for k in (-6, -4, -2)))
        change = gauge.change
        if self.network.copies == 2:
            first = each[:, : each.shape[1] // 2, -4:-2].sum(dim=1).sqrt()
            change = first[:, 0], first[:, 1]
        outputs, kernel = self._read(sums)
        return replace(self, outputs=outputs, kernel=kernel, change=change, slot=1 - self.slot), gauge

    def pace(self, v: Tensor) -> tuple[Theta, Theta]:
        """Return |F v| and |theta| of both blocks: |F v|^2 = sum_ij p_i p_j M_ij, M the sums over features."""
        hh, gg = self._pass(self._kernels.predict, self._nothing).sum(dim=1)[:, _products(len(v[0]))].unbind(dim=1)
        for_w, for_a = self.network.pull(v)
        inputs = self.network.inputs
        squares = (torch.einsum("ri,rij,rj->r", p, M, p) for p, M in ((for_w, inputs @ inputs.T * gg), (for_a, hh)))
        return tuple(square.clamp(min=0).sqrt() for square in squares), self.network.sizes(self.displacement)

    @property
    def _nothing(self) -> Tensor:
        return self.network.kappa.new_zeros(len(self.place), len(self.network.inputs))

    def relative_change(self) -> dict[str, Tensor]:
        """Return RD of both blocks and of all."""
        return self.network.relative(self.change)

    @property
    def _kernels(self) -> Kernels:
        assert self.network.leak is not None
        return kernels(*self.network.inputs.shape, self.network.leak)

    def _pass(self, kernel: Callable[..., None], *pulls: Tensor) -> Tensor:
        """Make a pass with some pullbacks, and return its sums, (R, parts, sums)."""
        network = self.network
        m, n = network.width, len(network.inputs)
        parts = network.copies * -(-m // CHUNK)
        runs = len(self.place)
        factors = [factor.contiguous().numpy() for v in pulls for factor in network.pull(v)]
        sums = np.empty((runs * parts, n + n * (n + 1) + (6 if len(pulls) > 1 else 0)))
        at = (network.draw, self.place, self.slot)
        arrays = [x.numpy() for x in (network.inputs, *network.drawn, *at, *self.store)]
        _threaded(runs * parts, runs * network.copies * m, kernel, [parts, *arrays, *factors, sums])
        return torch.from_numpy(sums).view(runs, parts, -1)

    def _read(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Return f and K from the sums over all neurons."""
        n = len(self.network.inputs)
        hh, gg = sums[:, _products(n)].unbind(dim=1)
        return self.network.kappa[:, None] * sums[:, :n], self.network.kernel(hh, gg)


@functools.cache
def _products(n: int) -> Tensor:
    """Return where in the sums the products h_i h_j and g_i g_j are, (2, n, n)."""
    rows, columns = torch.tril_indices(n, n)
    pairs = torch.arange(len(rows))
    place = torch.empty(n, n, dtype=torch.int64)
    place[rows, columns] = place[columns, rows] = pairs
    return n + torch.stack([place, place + len(pairs)])


def _threaded(tasks: int, neurons: int, kernel: Callable[..., None], arguments: Sequence[Any]) -> None:
    """Share tasks among as many threads as torch has, where they are worth it; the result does not depend on it."""
    threads = min(torch.get_num_threads(), tasks, 1 + neurons // LEAST)
    if threads == 1:
        kernel(0, tasks, *arguments)
        return
    marks = [tasks * k // threads for k in range(threads + 1)]
    first, *others = pairwise(marks)
    shares = [_pool(threads - 1).submit(kernel, *span, *arguments) for span in others]
    kernel(*first, *arguments)
    for share in shares:
        share.result()


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
