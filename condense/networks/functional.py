"""Any network given by `init` and `forward`: outputs, pullback and kernel by torch.func."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condense.data import Dataset
from condense.networks.base import Gauge, LinearStage, Stage, Theta, column, norms, torch_stream
from condense.networks.batched import Batched, shared
from condense.networks.blocks import check_block
from condense.networks.errors import name, raised
from condense.planes.scales import Scales
from condense.run import Run

__all__ = ["Functional", "FunctionalStage", "UserNetwork", "check_scales", "draw", "parameters"]

ROUNDING = 8
"""What rounding may do to a step of a block, in units of the machine's epsilon times the block."""


class UserNetwork(Protocol):
    """A network of your own: three names and ten lines.

    `scales` gives for every parameter block the powers (p, q) of its standard deviation beta = kappa^p kappa'^q, in
    the order from input to output. Two layers: {"w": (1/2, -1/2), "a": (1/2, 1/2)}, so that beta_a beta_w = kappa and
    beta_a / beta_w = kappa'.
    """

    scales: Mapping[str, tuple[float, float]]

    def init(self, generator: torch.Generator, m: int) -> Mapping[str, Tensor]:
        """Return standard normal draws of every block for width m; the scales beta come on top of them."""

    def forward(self, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return the outputs, shape (n,), for inputs of shape (n, d) and the raw (scaled) parameters of one network."""


@dataclass(frozen=True)
class Functional(Batched):
    """f = forward({beta_l theta_l}, x), or with antisymmetric initialisation the difference of two such copies.

    Parameters and their changes are normalised by beta_l as for two layers (see `condense.networks.base`); RD is over
    the first copy.
    """

    kappa: Tensor
    betas: tuple[Tensor, ...]
    drawn: Theta  # theta(0), a tensor of shape (R, copies, ...) a block
    inputs: Tensor = shared()
    user: UserNetwork = shared()
    blocks: tuple[str, ...] = shared()
    copies: int = shared()
    width: int = shared()

    @classmethod
    def build(
        cls,
        runs: Sequence[Run],
        data: Dataset,
        user: UserNetwork,
        *,
        antisymmetric: bool = True,
        device: str = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> Functional:
        """Return the stack of these runs.

        Raises:
            ValueError: what `user` gives is not of the form that `UserNetwork` states.
        """
        blocks = check_scales(user)
        copies = 2 if antisymmetric else 1
        drawn = {run.seed: draw(user, run, blocks, dtype, device) for run in runs}
        start = tuple(
            torch.stack([drawn[run.seed][block] for run in runs]).unsqueeze(1).repeat_interleave(copies, dim=1)
            for block in blocks
        )
        number = functools.partial(column, like=dtype, device=device)
        betas = tuple(number([_beta(run, user.scales[block]) for run in runs]) for block in blocks)
        inputs = torch.as_tensor(data.x, dtype=dtype, device=device)
        network = cls(
            number([run.scales.kappa for run in runs]), betas, start, inputs, user, blocks, copies, runs[0].neurons
        )
        _check_outputs(network)
        return network

    @property
    def clock(self) -> Tensor:
        """kappa / (prod_l beta_l)^(2/L)."""
        return self.kappa / torch.stack(self.betas).log().mean(dim=0).mul(2).exp()

    @property
    def rates(self) -> tuple[Tensor, ...]:
        """tau_l = (prod_k beta_k)^(2/L) / beta_l^2, each of shape (R,)."""
        common = self.kappa / self.clock
        return tuple(common / beta**2 for beta in self.betas)

    @property
    def rest(self) -> Theta:
        """The displacement zero."""
        return tuple(torch.zeros_like(block) for block in self.drawn)

    def parameters(self, displacement: Theta) -> Theta:
        """Return theta."""
        return tuple(start + change for start, change in zip(self.drawn, displacement, strict=True))

    def weights(self, displacement: Theta) -> dict[str, Tensor]:
        """Return the blocks, each of shape (R, copies, ...)."""
        return dict(zip(self.blocks, self.parameters(displacement), strict=True))

    def on(self, x: NDArray[np.float64]) -> Functional:
        """Return the networks on other inputs."""
        return replace(self, inputs=torch.as_tensor(x).to(self.inputs))

    def _output(self, theta: Theta, betas: tuple[Tensor, ...]) -> Tensor:
        """Return f of one run, shape (n,), for blocks of shape (copies, ...)."""

        def copy(k: int) -> Tensor:
            params = {name: beta * x[k] for name, beta, x in zip(self.blocks, betas, theta, strict=True)}
            return self.user.forward(params, self.inputs)

        return copy(0) - copy(1) if self.copies == 2 else copy(0)

    @property
    def _told(self) -> AbstractContextManager[None]:
        return raised(self.user, f"forward at width {self.width}")

    def sampled(self, steps: Tensor) -> Functional:
        """Return itself: nothing in it is random."""
        return self

    def outputs(self, displacement: Theta) -> Tensor:
        """Return f, shape (R, n)."""
        with self._told:
            return torch.func.vmap(self._output)(self.parameters(displacement), self.betas)

    def stage(self, displacement: Theta | None = None, kernel: bool = True) -> FunctionalStage:
        """Return the networks linearised at theta, by reverse-mode Jacobians."""
        displacement = self.rest if displacement is None else displacement
        both = torch.func.jacrev(lambda *at: (self._output(*at),) * 2, has_aux=True)
        with self._told:
            jacobians, f = torch.func.vmap(both)(self.parameters(displacement), self.betas)
        n = len(self.inputs)
        J = tuple(block.flatten(2).detach() for block in jacobians)
        K = f.new_zeros(len(f), n if kernel else 0, n if kernel else 0)
        if kernel:
            for block, rate in zip(J, self.rates, strict=True):
                K += torch.matmul(block, block.mT) * (rate / (n * self.kappa))[:, None, None]
        return FunctionalStage(self, displacement, f.detach(), K, J)

    def sizes(self, displacement: Theta) -> Theta:
        """Return the norm of every block over both copies."""
        return norms(self.parameters(displacement))

    def relative_change(self, displacement: Theta) -> dict[str, Tensor]:
        """Return RD of every block and of all of them ("theta"), first copy."""
        moved, start = (norms(tuple(block[:, :1] for block in blocks)) for blocks in (displacement, self.drawn))
        each = {name: x / y.where(y > 0, torch.nan) for name, x, y in zip(self.blocks, moved, start, strict=True)}
        return {**each, "theta": torch.stack(moved).norm(dim=0) / torch.stack(start).norm(dim=0)}


@dataclass(frozen=True)
class FunctionalStage(Batched, LinearStage):
    """A network linearised at theta, with its Jacobian J of shape (R, n, parameters) for every block."""

    network: Functional
    displacement: Theta
    outputs: Tensor
    kernel: Tensor
    jacobians: tuple[Tensor, ...]

    def correct(self, v: Tensor, predicted: Stage, v_p: Tensor) -> tuple[Stage, Gauge]:
        """Return the stage at theta1 = theta - F v - F_p v_p, and its gauge, whose misses are those beyond rounding.

        A block that the outputs do not depend on, such as a bias before a normalisation, moves by the rounding of its
        gradient alone: no step is short enough for it.
        """
        stage, gauge = super().correct(v, predicted, v_p)
        rounding = (ROUNDING * torch.finfo(size.dtype).eps * size for size in gauge.size)
        misses = (miss.sub(noise).clamp(min=0) for miss, noise in zip(gauge.miss, rounding, strict=True))
        return stage, gauge._replace(miss=tuple(misses))

    def pullback(self, v: Tensor) -> Theta:
        """Return F v = tau_l J_l^T v / (n kappa) for every block."""
        network = self.network
        scale = v / (v.shape[1] * network.kappa[:, None])
        return tuple(
            torch.matmul((rate[:, None] * scale)[:, None, :], J)[:, 0].view_as(block)
            for rate, J, block in zip(network.rates, self.jacobians, self.displacement, strict=True)
        )


def parameters(user: UserNetwork, width: int) -> int:
    """Return the number of parameters of a user's network at a width."""
    run = Run(Scales(1.0, 1.0, 1.0), width, 0)
    return sum(x.numel() for x in draw(user, run, check_scales(user), torch.float32, "cpu").values())


def check_scales(user: UserNetwork) -> tuple[str, ...]:
    """Return the blocks of a user's network, which are those that its scales name.

    Raises:
        ValueError: it lacks something, or its scales are not of the form that `UserNetwork` states.
    """
    for attribute in ("init", "forward", "scales"):
        if not hasattr(user, attribute):
            raise ValueError(
                f"{name(user)} has no {attribute!r}; needed are init(generator, m), forward(params, x) and "
                "scales = {block: (power of kappa, power of kappa')}"
            )
    scales = user.scales
    well_formed = isinstance(scales, Mapping) and all(np.shape(powers) == (2,) for powers in scales.values())
    if not well_formed or not scales:
        raise ValueError(
            f"{name(user)}: scales = {scales!r} is not a mapping from block to its powers (of kappa, of kappa'), "
            "such as {'w': (0.5, -0.5), 'a': (0.5, 0.5)}"
        )
    for block in scales:
        check_block(block, name(user))
    return tuple(scales)


def draw(user: UserNetwork, run: Run, blocks: tuple[str, ...], dtype: torch.dtype, device: str) -> dict[str, Tensor]:
    """Return the blocks of a run as `user` draws them.

    Raises:
        ValueError: it raises, or what it draws is not of the form that `UserNetwork` states.
    """
    with raised(user, f"init at width {run.neurons}, seed {run.seed}"):
        params = user.init(torch_stream(run.seed, run.neurons), run.neurons)
    if not isinstance(params, Mapping) or set(params) != set(blocks):
        got = list(params) if isinstance(params, Mapping) else type(params).__name__
        raise ValueError(f"{name(user)}: init returned {got}, but scales names the blocks {list(blocks)}")
    for block, x in params.items():
        if not isinstance(x, Tensor):
            raise ValueError(f"{name(user)}: init returned {type(x).__name__} for block {block!r}, allowed is a tensor")
        if not x.numel():
            raise ValueError(f"{name(user)}: init at width {run.neurons} returned no number for block {block!r}")
        if x.is_complex():
            raise ValueError(f"{name(user)}: init returned {x.dtype} for block {block!r}, allowed are real numbers")
        if not x.isfinite().all():
            raise ValueError(f"{name(user)}: init at width {run.neurons} drew NaN or infinity for block {block!r}")
    return {block: x.to(dtype=dtype, device=device) for block, x in params.items()}


def _check_outputs(network: Functional) -> None:
    f, n = network.outputs(network.rest), len(network.inputs)
    if f.shape[1:] != (n,):
        raise ValueError(
            f"{name(network.user)}: forward at width {network.width} returned shape {tuple(f.shape[1:])} for {n} "
            f"inputs; allowed is ({n},), one scalar an input"
        )


def _beta(run: Run, powers: tuple[float, float]) -> float:
    assert isinstance(run.scales, Scales)
    return float(run.scales.kappa ** powers[0] * run.scales.kappa_prime ** powers[1])
