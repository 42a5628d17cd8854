"""How the parameters move: `flow=exponential`, `descent` or `adam`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from condense import registry
from condense.planes.formula import Formula
from condense.schema.checks import between, known_among, positive, refuse
from condense.schema.idle import Idle, refuse_idle
from condense.schema.plain import settle

__all__ = ["FLOWS", "OPTIMISERS", "Adam", "Descent", "Exponential", "Flow", "Torch"]

OPTIMISERS = ("SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta")
"""Those of torch.optim that move every number by itself, by steps proportional to the learning rate."""


@dataclass
class Flow:
    """What all flows have: the mean square residual to stop at (no 1/2), or its share of the mean square target.

    What else has to be known of a flow stands here too, so that a new one is a class here, one in condense/flows, and
    a file in conf/flow.

    Attributes:
        implementation: The dotted path of the `condense.flows.base.Flow` that it configures.
        exact_gradient: Whether it needs the gradient without noise, so that dropout is not for it.
        fused: Whether it can step by compiled kernels (`condense.networks.unrolled`).
        rotation_invariant: Whether training in the span of the data is exact: false for flows that act on single
            coordinates.
        gradient: Whether it follows gradient flow, to which the theory of the plane applies.
        clock: What runs are followed by: their "time", or the "step" where all have one fixed rate.
        step_cost: The time of a step, in steps that make a kernel.
        memory: At the peak of a step, in sizes of all parameters.
        modules: Whether it trains modules of torch, and these alone.
    """

    implementation: ClassVar[str]
    exact_gradient: ClassVar[bool] = False
    fused: ClassVar[bool] = False
    rotation_invariant: ClassVar[bool] = True
    gradient: ClassVar[bool] = False
    clock: ClassVar[str] = "step"
    step_cost: ClassVar[float] = 0.25
    memory: ClassVar[float]
    modules: ClassVar[bool] = False

    stop: float = 1e-6
    relative: bool = False
    max_steps: int = 10_000
    name: str = ""

    def expected_steps(self, fused: bool) -> float:
        """Return about how many steps a run takes, by compiled kernels or not."""
        raise NotImplementedError

    def steps_for(self, n: int) -> int:
        """Return the most steps for n data points."""
        return self.max_steps

    idle: ClassVar[tuple[Idle, ...]] = (Idle(("relative",), lambda own: own.stop == 0, "with flow.stop = 0"),)

    def __post_init__(self) -> None:
        settle(self, "flow.")
        own = next(each.default for each in fields(self) if each.name == "name")
        if self.name != own:
            refuse("flow.name", self.name, f"{own!r} with these options; another flow is chosen by flow={self.name}")
        if not 0 <= self.stop < math.inf:
            refuse("flow.stop", self.stop, "a finite number, 0 or above")
        if self.max_steps < 1:
            refuse("flow.max_steps", self.max_steps, "an integer, 1 or above")
        refuse_idle("flow.", self, self.idle)


@dataclass
class Exponential(Flow):
    """flow=exponential: gradient flow by adaptive steps of relative error rtol, to time `horizon` at most."""

    implementation: ClassVar = "condense.flows.exponential.ExponentialFlow"
    exact_gradient: ClassVar = True
    fused: ClassVar = True
    gradient: ClassVar = True
    clock: ClassVar = "time"
    step_cost: ClassVar = 1.0
    memory: ClassVar = 6.5

    name: str = "exponential"
    rtol: float = 0.02
    horizon: float = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        between("flow.rtol", self.rtol, 0, 0.5)
        positive("flow.horizon", self.horizon)

    def expected_steps(self, fused: bool) -> float:
        """Return the steps of the tolerance; those of compiled kernels follow neurons through their kinks."""
        return float(26 * (0.02 / self.rtol) ** 0.55 if fused else 40 * (0.03 / self.rtol) ** 0.6)


@dataclass
class Descent(Flow):
    """flow=descent: full-batch gradient descent on the raw parameters; see condense.flows.descent."""

    implementation: ClassVar = "condense.flows.descent.DescentFlow"
    gradient: ClassVar = True
    memory: ClassVar = 5.5

    name: str = "descent"
    rate: float | None = None
    rule: str = "halving"
    growth: float = 1.05
    loss: str = "half_mse"
    max_steps: int = 100_000

    idle: ClassVar = (
        *Flow.idle,
        Idle(("growth",), lambda own: own.rule == "fixed", "with flow.rule = fixed, whose rate does not grow"),
        Idle(
            ("loss",),
            lambda own: own.rate is None and own.rule == "halving",
            "without a flow.rate, which it is the factor of",
        ),
    )

    def __post_init__(self) -> None:
        _loss(self.loss)
        super().__post_init__()
        if self.rule not in ("fixed", "halving"):
            refuse("flow.rule", self.rule, "fixed or halving")
        if self.rate is None and self.rule == "fixed":
            refuse("flow.rate", self.rate, "a number above 0 under rule=fixed; rule=halving finds a rate by itself")
        if self.rate is not None:
            positive("flow.rate", self.rate)
        if not 1 <= self.growth < 2:
            refuse("flow.growth", self.growth, "a factor from 1 to below 2")

    def expected_steps(self, fused: bool) -> float:
        """Return the steps of a run under the default options: they follow from the loss more than from the config."""
        return 300.0


@dataclass
class Adam(Flow):
    """flow=adam: full-batch Adam on the raw parameters."""

    implementation: ClassVar = "condense.flows.adam.AdamFlow"
    rotation_invariant: ClassVar = False
    memory: ClassVar = 14.0

    name: str = "adam"
    rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    loss: str = "mse"
    max_steps: int = 100_000

    def __post_init__(self) -> None:
        super().__post_init__()
        _loss(self.loss)
        positive("flow.rate", self.rate)
        positive("flow.eps", self.eps)
        for key in ("beta1", "beta2"):
            if not 0 <= getattr(self, key) < 1:
                refuse(f"flow.{key}", getattr(self, key), "a number from 0 to below 1")

    def expected_steps(self, fused: bool) -> float:
        """Return the steps of a run under the default options: they follow from the loss more than from the config."""
        return 100.0


@dataclass
class Torch(Flow):
    """flow=torch: an optimiser of torch.optim on minibatches, for network=module; see condense.flows.optimised.

    The rate `kwargs.lr` is a number or a formula in the width m and the coordinates of the plane. Training ends after
    `epochs` or `max_steps`, or where the loss over all training data, which is looked at every `look` steps, is at or
    below `stop`. `tf32` allows a GPU to round the factors of float32 products to 10 bits.
    """

    implementation: ClassVar = "condense.flows.optimised.OptimisedFlow"
    rotation_invariant: ClassVar = False
    memory: ClassVar = 16.0
    modules: ClassVar = True

    name: str = "torch"
    optimiser: str = "SGD"
    kwargs: Any = field(default_factory=lambda: {"lr": 0.01})
    schedule: str = "constant"
    warmup: int = 0
    batch_size: int | None = None
    epochs: int | None = None
    loss: str = "mse"
    clip: float | None = None
    look: int = 100
    tf32: bool = False
    stop: float = 0.0
    max_steps: int = 1000

    idle: ClassVar = (
        *Flow.idle,
        Idle(("relative",), lambda own: True, "with flow=torch, whose stop is a loss"),
        Idle(("max_steps",), lambda own: own.epochs is not None, "with flow.epochs = {0.epochs}"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        known_among("flow.optimiser", self.optimiser, OPTIMISERS, "; those that move every number by itself")
        registry.check("loss", self.loss, "flow.loss")
        registry.check("schedule", self.schedule, "flow.schedule")
        if not isinstance(self.kwargs, Mapping) or "lr" not in self.kwargs:
            refuse("flow.kwargs", self.kwargs, "the optimiser's arguments by name, lr among them: {lr: 0.01} say")
        self._rate()
        for key in ("batch_size", "epochs"):
            if (value := getattr(self, key)) is not None and value < 1:
                refuse(f"flow.{key}", value, "an integer, 1 or above, or null")
        if self.look < 1:
            refuse("flow.look", self.look, "an integer, 1 or above")
        if self.warmup < 0:
            refuse("flow.warmup", self.warmup, "steps of linear warm-up, 0 or above")
        if self.clip is not None:
            positive("flow.clip", self.clip, "a norm above 0, or null")

    def _rate(self) -> Formula:
        key = "flow.kwargs.lr"
        try:
            rate = Formula.parse(self.kwargs["lr"])
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
        if not rate.names:
            positive(key, rate())
        return rate

    @property
    def depends_on(self) -> frozenset[str]:
        """What the learning rate depends on."""
        return frozenset(self._rate().names)

    def rate(self, **numbers: float) -> float:
        """Return the learning rate at a width m and coordinates.

        Raises:
            ValueError: it depends on something else, or is not above 0.
        """
        rate = self._rate()
        if unknown := sorted(rate.names - numbers.keys()):
            refuse("flow.kwargs.lr", self.kwargs["lr"], f"a formula in {', '.join(numbers)}, not {unknown[0]}")
        value = rate(**numbers)
        positive("flow.kwargs.lr", value)
        return value

    def steps_for(self, n: int) -> int:
        """Return the most steps for n data points, those of the epochs if these are given."""
        return self.max_steps if self.epochs is None else self.epochs * math.ceil(n / (self.batch_size or n))

    def expected_steps(self, fused: bool) -> float:
        """Return infinity: as many steps as there may be."""
        return math.inf


FLOWS: Mapping[str, type[Flow]] = {kind.name: kind for kind in (Exponential, Descent, Adam, Torch)}
"""Every flow by its name."""


def _loss(loss: str) -> None:
    if loss not in ("mse", "half_mse"):
        refuse("flow.loss", loss, "mse, (1/n) sum e^2, or half_mse, half of it")
