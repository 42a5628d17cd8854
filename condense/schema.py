"""The configuration: a dataclass behind every group of conf/, checked as it is made. No torch here.

Hydra types these through OmegaConf and converts them once, at the front door; `condense.simulate` takes them as they
are. Every error names the key, the value and what is allowed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass
from numbers import Integral
from typing import Any

from condense import plane, registry
from condense.plane import Initialisation, PowerLaw

__all__ = ["Adam", "Config", "Data", "Descent", "Exponential", "Flow", "Measure", "Named", "Network", "Plane"]
__all__ += ["SpelledOut"]


def _refuse(key: str, value: object, allowed: str) -> None:
    raise ValueError(f"{key} = {value!r} is not allowed: {allowed}")


def _finite(key: str, value: float) -> None:
    if not math.isfinite(value):
        _refuse(key, value, "a finite number")


def _whole(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | Integral) or value % 1 != 0:
        _refuse(key, value, "integers alone, such as [1000,4000]")
    return int(value)


def _known(kind: str, name: str, own: str) -> None:
    known = registry.REGISTRY[kind]
    if name not in known:
        guess = registry.nearest(name, known) or "."
        raise ValueError(f"{kind}.name = {name!r} is not known{guess} Known: {', '.join(known)}{own}")


def _positive(key: str, value: float, allowed: str = "a number above 0") -> None:
    if not value > 0:
        _refuse(key, value, allowed)


def _between(key: str, value: float, low: float, high: float) -> None:
    if not low < value <= high:
        _refuse(key, value, f"a number above {low:g}, at most {high:g}")


@dataclass
class Plane:
    """init=plane: kappa = m^-gamma and kappa' = m^-gamma', realised with alpha = 1."""

    gamma: float = 1.0
    gamma_prime: float = 0.0
    antisymmetric: bool = True

    def __post_init__(self) -> None:
        for key in ("gamma", "gamma_prime"):
            _finite(f"init.{key}", getattr(self, key))
            setattr(self, key, float(getattr(self, key)) + 0.0)  # 1 is 1.0 and -0.0 is 0.0: the same run

    @property
    def name(self) -> str:
        """Its name in the records."""
        return "plane"

    def resolve(self) -> Initialisation:
        """Return the place on the plane and the scales."""
        return plane.on_plane(self.gamma, self.gamma_prime)


@dataclass
class Named:
    """init=ntk, mean_field, xavier, he or lecun: the exact scales, labelled by their asymptotic place."""

    name: str = "ntk"
    antisymmetric: bool = True

    def __post_init__(self) -> None:
        if self.name not in plane.NAMED:
            guess = registry.nearest(self.name, plane.NAMED)
            _refuse("init.name", self.name, f"one of {', '.join(plane.NAMED)}{guess}")

    def resolve(self) -> Initialisation:
        """Return the place on the plane and the scales."""
        return plane.NAMED[self.name]


@dataclass
class SpelledOut:
    """init=spelled_out: alpha, beta1 (std of a) and beta2 (std of w) as numbers or powers of the width m."""

    alpha: str = "1"
    beta1: str = "1"
    beta2: str = "1"
    antisymmetric: bool = True

    def __post_init__(self) -> None:
        self._laws()

    @property
    def name(self) -> str:
        """Its name in the records, the scales in it: two of them can share an asymptotic place."""
        scales = f"alpha={self.alpha},beta1={self.beta1},beta2={self.beta2}"
        return scales.replace("**", "^").replace("*", "").replace(" ", "")

    def _laws(self) -> list[PowerLaw]:
        laws = []
        for key in ("alpha", "beta1", "beta2"):
            try:
                laws.append(PowerLaw.parse(str(getattr(self, key))))
            except ValueError as error:
                raise ValueError(f"init.{key}: {error}") from error
        return laws

    def resolve(self) -> Initialisation:
        """Return the place on the plane and the scales."""
        return plane.spelled_out(*self._laws())


@dataclass
class Network:
    """A network by its name, or a user's class by `_target_` with the arguments `kwargs`."""

    name: str = "two_layer"
    activation: str = "relu"
    bias: bool = True
    _target_: str | None = None
    kwargs: Any = None

    def __post_init__(self) -> None:
        if self._target_ is not None:
            registry.check("network", self._target_, "network._target_")
        _known("network", self.name, "; a network of your own comes by network._target_=mymodule.Net")
        registry.check("activation", self.activation, "network.activation")
        if self.kwargs is not None and not isinstance(self.kwargs, dict):
            _refuse("network.kwargs", self.kwargs, "arguments by name, such as 'network.kwargs={hidden: 3}'")


@dataclass
class Data:
    """A data set by its name, or a user's .npz or .csv by its path; samples and seed draw the images."""

    name: str = "parabola"
    path: str | None = None
    samples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        _known("data", self.name, "; data of your own comes by data.path=my.npz")
        if self.seed < 0:
            _refuse("data.seed", self.seed, "an integer, 0 or above")
        drawn = self.path is None and self.name != "parabola"
        if self.samples is not None and not drawn:
            _refuse("data.samples", self.samples, "null, since all of this data is used; digits and mnist are drawn")


@dataclass
class Flow:
    """What all flows have: the mean square residual to stop at (no 1/2), or its share of the mean square target."""

    stop: float = 1e-6
    relative: bool = False
    max_steps: int = 10_000
    name: str = ""

    def __post_init__(self) -> None:
        own = next(each.default for each in fields(self) if each.name == "name")
        if self.name != own:
            _refuse("flow.name", self.name, f"{own!r} with these options; another flow is chosen by flow={self.name}")
        if not 0 <= self.stop < math.inf:
            _refuse("flow.stop", self.stop, "a finite number, 0 or above")
        if self.max_steps < 1:
            _refuse("flow.max_steps", self.max_steps, "an integer, 1 or above")


@dataclass
class Exponential(Flow):
    """flow=exponential: gradient flow by adaptive steps of relative error rtol, to time `horizon` at most."""

    name: str = "exponential"
    rtol: float = 0.03
    horizon: float = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        _between("flow.rtol", self.rtol, 0, 0.5)
        _positive("flow.horizon", self.horizon)


@dataclass
class Descent(Flow):
    """flow=descent: full-batch gradient descent on the raw parameters; see condense.flows.descent."""

    name: str = "descent"
    rate: float | None = None
    rule: str = "halving"
    growth: float = 1.05
    loss: str = "half_mse"
    max_steps: int = 100_000

    def __post_init__(self) -> None:
        super().__post_init__()
        _loss(self.loss)
        if self.rule not in ("fixed", "halving"):
            _refuse("flow.rule", self.rule, "fixed or halving")
        if self.rate is None and self.rule == "fixed":
            _refuse("flow.rate", self.rate, "a number above 0 under rule=fixed; rule=halving finds a rate by itself")
        if self.rate is not None:
            _positive("flow.rate", self.rate)
        if not 1 <= self.growth < 2:
            _refuse("flow.growth", self.growth, "a factor from 1 to below 2")


@dataclass
class Adam(Flow):
    """flow=adam: full-batch Adam on the raw parameters."""

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
        _positive("flow.rate", self.rate)
        _positive("flow.eps", self.eps)
        for key in ("beta1", "beta2"):
            if not 0 <= getattr(self, key) < 1:
                _refuse(f"flow.{key}", getattr(self, key), "a number from 0 to below 1")


def _loss(loss: str) -> None:
    if loss not in ("mse", "half_mse"):
        _refuse("flow.loss", loss, "mse, (1/n) sum e^2, or half_mse, half of it")


@dataclass
class Measure:
    """What is measured: observables, the rule that counts clusters (condense.clusters), the level of intervals."""

    observables: list[str] = field(default_factory=lambda: ["relative_change", "clusters"])
    threshold: float = 0.95
    fraction: float = 0.99
    clusters_max: int = 200
    centres: int = 512
    level: float = 0.9

    def __post_init__(self) -> None:
        for name in self.observables:
            registry.check("observable", name, "measure.observables")
        if not 0 < self.threshold < 1:
            _refuse("measure.threshold", self.threshold, "a cosine above 0, below 1")
        if not 0 < self.fraction < 1:
            _refuse("measure.fraction", self.fraction, "a share above 0, below 1")
        if not 0 < self.level < 1:
            _refuse("measure.level", self.level, "a confidence level above 0, below 1")
        for key in ("clusters_max", "centres"):
            if getattr(self, key) < 1:
                _refuse(f"measure.{key}", getattr(self, key), "an integer, 1 or above")


@dataclass
class Config:
    """One job: one place on the plane, all its widths and seeds."""

    init: Any = field(default_factory=Plane)
    network: Network = field(default_factory=Network)
    data: Data = field(default_factory=Data)
    flow: Any = field(default_factory=Exponential)
    measure: Measure = field(default_factory=Measure)
    widths: list[int] = field(default_factory=lambda: [500, 1000, 2000, 4000])
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    device: str = "cpu"
    dtype: str = "float64"

    def __post_init__(self) -> None:
        for key in ("widths", "seeds"):
            setattr(self, key, [_whole(key, value) for value in getattr(self, key)])
        if not self.widths or any(width < 1 for width in self.widths):
            _refuse("widths", list(self.widths), "a list of at least one integer, 1 or above, such as [1000,4000]")
        if not self.seeds or not all(0 <= seed < 2**63 for seed in self.seeds):
            _refuse("seeds", list(self.seeds), "a list of at least one integer, 0 or above, such as [0,1,2]")
        for key in ("widths", "seeds"):
            if len(set(getattr(self, key))) < len(getattr(self, key)):
                _refuse(key, list(getattr(self, key)), "each value once")
        if self.dtype not in ("float64", "float32"):
            _refuse("dtype", self.dtype, "float64 or float32")

    def refuse_unknown_keys(self) -> None:
        """Raise ValueError for a key that no field stands for: Hydra's +key=value lets any through."""
        groups = {f"{each.name}.": getattr(self, each.name) for each in fields(self)}
        parts = {prefix: part for prefix, part in groups.items() if is_dataclass(part)}
        for prefix, part in {"": self, **parts}.items():
            known = [each.name for each in fields(part)]
            for name in vars(part):
                if name not in known:
                    guess = registry.nearest(name, known)
                    raise ValueError(f"{prefix}{name} is not a key of the config{guess}; allowed: {', '.join(known)}")
