"""What a flow needs to know of a network: outputs, pullback and kernel, for a stack of R networks at once.

A stack holds R networks of equal width that share the data, one run each. Parameters are *normalised*: every block
is drawn with standard deviation 1 and its scale beta_l stands in the formulas. The clock is that of Luo et al. 2021
times kappa, in which block l moves at the rate tau_l = (prod_k beta_k)^(2/L) / beta_l^2 (two layers: tau_w = kappa',
tau_a = 1/kappa'), and with J_l = df/dtheta_l

    dtheta/dt = -F e,   F_l = tau_l J_l^T / (n kappa),   de/dt = -K e,   K = sum_l J_l F_l,   e = f - y.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Gauge", "LinearStage", "Network", "OfNeurons", "Point", "Stage", "Theta", "column", "norms"]
__all__ += ["WithDirections", "minus", "numpy_stream", "torch_stream"]

Theta = tuple[Tensor, ...]
"""A tensor for every block of normalised parameters, runs on the leading axis."""


class Gauge(NamedTuple):
    """Lengths that judge a step to theta1 predicted as theta_p: of every block, each of shape (R,)."""

    miss: Theta  # |theta1 - theta_p|
    change: Theta  # |theta1 - theta(0)|
    size: Theta  # |theta1|, the part that can move


class Point(Protocol):
    """What networks give at some theta."""

    @property
    def outputs(self) -> Tensor:
        """f, shape (R, n)."""

    @property
    def kernel(self) -> Tensor:
        """K, shape (R, n, n); zeros of shape (R, 0, 0) where it was not asked for."""


class Stage(Point, Protocol):
    """Networks linearised at theta.

    Stages may share memory: a stage is good until a step is taken from one that came from it.
    """

    @property
    def network(self) -> Network:
        """The networks."""

    @property
    def displacement(self) -> Theta:
        """theta - theta(0)."""

    def pullback(self, v: Tensor) -> Theta:
        """Return F v for v of shape (R, n), a tensor a block."""

    def predict(self, v: Tensor) -> Point:
        """Return what the networks give at theta_p = theta - F v."""

    def correct(self, v: Tensor, predicted: Any, v_p: Tensor) -> tuple[Stage, Gauge]:
        """Return the stage at theta1 = theta - F v - F_p v_p and its gauge, given what `predict` returned."""

    def pace(self, v: Tensor) -> tuple[Theta, Theta]:
        """Return |F v| and |theta| of every block, each of shape (R,)."""

    def relative_change(self) -> dict[str, Tensor]:
        """Return RD = |theta - theta(0)| / |theta(0)| of every block and of all ("theta"), each of shape (R,)."""

    def select(self, runs: Tensor) -> Self:
        """Return the stage of these runs."""


class Network(Protocol):
    """A stack of R networks and their draw theta(0); `condense.networks.two_layer` and `.functional` implement it.

    Where the networks are is said by the displacement theta - theta(0), since a change of 1e-12 would drown in theta.
    """

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the parameter blocks, input side first."""

    @property
    def copies(self) -> int:
        """Copies of all neurons whose difference is the output: 2 with antisymmetric initialisation."""

    @property
    def kappa(self) -> Tensor:
        """kappa, shape (R,)."""

    @property
    def betas(self) -> tuple[Tensor, ...]:
        """Scale of every block, each of shape (R,): raw parameters are beta_l theta_l."""

    @property
    def clock(self) -> Tensor:
        """Flow time per unit of raw time, kappa / (prod_l beta_l)^(2/L), shape (R,)."""

    @property
    def rest(self) -> Theta:
        """The displacement zero."""

    def parameters(self, displacement: Theta) -> Theta:
        """Return theta."""

    def weights(self, displacement: Theta) -> dict[str, Tensor]:
        """Return what a picture of the networks needs, by name, runs on the leading axis: the blocks of theta first."""

    def on(self, x: NDArray[np.float64]) -> Self | None:
        """Return the networks on other inputs, (N, d), or None if they do not say what their outputs are there."""

    def stage(self, displacement: Theta | None = None, kernel: bool = True) -> Stage:
        """Return the networks linearised at theta, without a displacement at theta(0)."""

    def sizes(self, displacement: Theta) -> Theta:
        """Return the norm of every block, its part that can move, each of shape (R,): the yardstick of step errors."""

    def relative_change(self, displacement: Theta) -> dict[str, Tensor]:
        """Return RD = |theta - theta(0)| / |theta(0)| of every block and of all ("theta"), each of shape (R,)."""

    def sampled(self, steps: Tensor) -> Self:
        """Return the stack as step number `steps` (R,) of each run samples it, itself where nothing is random."""

    def select(self, runs: Tensor) -> Self:
        """Return the stack of these runs."""


class WithDirections(ABC):
    """What a network has besides, if it knows the neurons that see the data."""

    notes: dict[Any, Any]  # what has been found out about its starts, kept with the draws by whoever did

    @property
    @abstractmethod
    def starts(self) -> list[Any]:
        """What the neurons at the start depend on, by run: those of equal starts are equal."""

    @property
    @abstractmethod
    def rest(self) -> Any:
        """The displacement zero."""

    @abstractmethod
    def neurons(self, displacement: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Return directions (R, d, m), amplitudes (R, m) and which neurons are active (R, m)."""

    def of_copies(self, displacement: Any) -> dict[str, Tensor]:
        """Return what is told beside RD of networks whose copies or norms differ, by column, each of shape (R,)."""
        return {}

    @abstractmethod
    def select(self, runs: Tensor) -> Self:
        """Return the stack of these runs."""


class OfNeurons(WithDirections):
    """What a network of two layers has besides: each of its neurons has one output weight."""

    @abstractmethod
    def weights(self, displacement: Theta) -> dict[str, Tensor]:
        """Return w (R, neurons, r) and a (R, neurons), among others."""

    @abstractmethod
    def mean_input(self, targets: Tensor) -> Tensor:
        """Return z = (1/n) sum_i y_i x_i, the bias among the inputs, shape (R, d), for y of shape (R, n)."""

    @abstractmethod
    def in_span(self, vectors: Tensor) -> Tensor:
        """Return vectors of the input space, (R, d), in the coordinates of the span of the data, those of `neurons`."""

    @abstractmethod
    def velocity(self, w: Tensor, residual: Tensor) -> Tensor:
        """Return dw/dt of neurons of any input weights in the span, (R, r, k), with a = 1, given e, (R, n)."""

    @abstractmethod
    def share_along(self, displacement: Theta, vectors: Tensor) -> Tensor:
        """Return |w v| / |w| over all neurons, in the span of the data, for unit vectors v along `vectors`, (R,)."""


class LinearStage(ABC):
    """The steps of a stage by its pullback: the reference for any that takes them faster."""

    network: Network
    displacement: Theta

    @abstractmethod
    def pullback(self, v: Tensor) -> Theta:
        """Return F v for v of shape (R, n), a tensor a block."""

    def predict(self, v: Tensor) -> Stage:
        """Return the stage at theta_p = theta - F v."""
        return self.network.stage(minus(self.displacement, self.pullback(v)))

    def correct(self, v: Tensor, predicted: Any, v_p: Tensor) -> tuple[Stage, Gauge]:
        """Return the stage at theta1 = theta - F v - F_p v_p, and its gauge."""
        end = minus(minus(self.displacement, self.pullback(v)), predicted.pullback(v_p))
        gauge = Gauge(norms(minus(end, predicted.displacement)), norms(end), self.network.sizes(end))
        return self.network.stage(end), gauge

    def pace(self, v: Tensor) -> tuple[Theta, Theta]:
        """Return |F v| and |theta| of every block."""
        return norms(self.pullback(v)), self.network.sizes(self.displacement)

    def relative_change(self) -> dict[str, Tensor]:
        """Return RD of every block and of all."""
        return self.network.relative_change(self.displacement)


def minus(theta: Theta, step: Theta) -> Theta:
    """Return theta - step, block by block."""
    return tuple(x - dx for x, dx in zip(theta, step, strict=True))


def column(values: Sequence[float], like: torch.dtype, device: str) -> Tensor:
    """Return per-run numbers as a tensor of shape (R,)."""
    return torch.tensor(values, dtype=like, device=device)


def norms(theta: Theta) -> Theta:
    """Return the norm of every block, each of shape (R,)."""
    return tuple(torch.linalg.vector_norm(block.flatten(1), dim=1) for block in theta)


def _entropy(seed: int, neurons: int, stream: int, *step: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, neurons, stream], spawn_key=step)


def numpy_stream(seed: int, neurons: int, stream: int, *step: int) -> np.random.Generator:
    """Return the generator of a draw; it depends on nothing but seed and width, whatever the plane point or batch.

    What is drawn anew in every step gives the step too. Different arguments give independent streams, none a prefix
    of another.
    """
    return np.random.default_rng(_entropy(seed, neurons, stream, *step))


def torch_stream(seed: int, neurons: int) -> torch.Generator:
    """Return the same kind of generator for code that draws with torch."""
    state = _entropy(seed, neurons, 0).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))
