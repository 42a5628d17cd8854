"""Where on a plane a job lies: `init=plane`, a named initialisation, or one spelled out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Any, ClassVar

from condense import planes, registry
from condense.planes import Initialisation, layers, two_layer
from condense.planes.powers import PowerLaw
from condense.schema.checks import finite, refuse
from condense.schema.plain import settle

__all__ = [
    "INITS",
    "PLACE",
    "Named",
    "NamedThreeLayer",
    "OnPlane",
    "Plane",
    "SpelledOut",
    "SpelledOutLayers",
    "ThreeLayer",
]


class OnPlane:
    """A point of a plane, init=NAME; its config has a key for each coordinate, and `antisymmetric`.

    By default (None) networks of layers start antisymmetric and modules do not.
    """

    plane: ClassVar[planes.Plane]
    antisymmetric: bool | None

    def __post_init__(self) -> None:
        settle(self, "init.")
        for key in self.plane.columns:
            finite(f"init.{key}", getattr(self, key))
            setattr(self, key, float(getattr(self, key)) + 0.0)  # 1 is 1.0 and -0.0 is 0.0: the same run

    @property
    def name(self) -> str:
        """Its name in the records."""
        return self.plane.name

    @property
    def folder(self) -> str:
        """The folder of its records: "gamma=1,gamma_prime=0"."""
        return ",".join(f"{key}={getattr(self, key):.12g}" for key in self.plane.columns)

    def resolve(self) -> Initialisation:
        """Return the place on the plane and the scales."""
        x, y = (getattr(self, key) for key in self.plane.columns)
        return self.plane.initialisation(x, y)


@dataclass
class Plane(OnPlane):
    """init=plane: kappa = m^-gamma and kappa' = m^-gamma', realised with alpha = 1."""

    gamma: float = 1.0
    gamma_prime: float = 0.0
    antisymmetric: bool | None = None

    plane = two_layer.PLANE


@dataclass
class ThreeLayer(OnPlane):
    """init=three_layer: kappa_3 = m^-gamma3 and beta_2 = beta_3 = m^-gamma2 beta_1, realised with alpha = 1."""

    gamma3: float = 1.5
    gamma2: float = 0.0
    antisymmetric: bool | None = None

    plane = layers.THREE


def on(plane: planes.Plane) -> type[OnPlane]:
    """Return the config class of the points of a plane, init=NAME."""
    keys: list[tuple[str, Any, Any]] = [(axis.column, float, field(default=axis.default)) for axis in plane.axes]
    keys.append(("antisymmetric", bool | None, field(default=None)))
    content = {"plane": plane, "__doc__": f"init={plane.name}.", "__module__": __name__}
    return make_dataclass(plane.name, keys, bases=(OnPlane,), namespace=content)


_OURS: Mapping[str, type[OnPlane]] = {kind.plane.name: kind for kind in (Plane, ThreeLayer)}

POINTS: Mapping[str, type[OnPlane]] = {name: _OURS.get(name) or on(plane) for name, plane in planes.PLANES.items()}
"""The config class of the points of every plane, by its name."""


@dataclass
class Named:
    """init=ntk, mean_field, xavier, he or lecun: the exact scales, labelled by their asymptotic place."""

    name: str = "ntk"
    antisymmetric: bool = True

    plane: ClassVar[planes.Plane] = two_layer.PLANE
    known: ClassVar[Mapping[str, Initialisation]] = two_layer.NAMED

    def __post_init__(self) -> None:
        settle(self, "init.")
        if self.name not in self.known:
            guess = registry.nearest(self.name, self.known)
            refuse("init.name", self.name, f"one of {', '.join(self.known)}{self._of}{guess}")

    @property
    def _of(self) -> str:
        return "" if self.plane is two_layer.PLANE else f" with network={self.plane.name}"

    @property
    def folder(self) -> str:
        """The folder of its records: "init=ntk"."""
        return f"init={self.name}"

    def resolve(self) -> Initialisation:
        """Return the place on the plane and the scales."""
        return self.known[self.name]


@dataclass
class NamedThreeLayer(Named):
    """The same of three layers, beside network=three_layer."""

    plane = layers.THREE
    known = layers.named(3)


def _written(scales: Mapping[str, str]) -> str:
    """Write scales as the name of an initialisation."""
    told = ",".join(f"{name}={scale}" for name, scale in scales.items())
    return told.replace("**", "^").replace("*", "").replace(" ", "")


def _laws(scales: Mapping[str, str]) -> list[PowerLaw]:
    """Return scales as powers of the width, given by their keys below init."""
    laws = []
    for key, scale in scales.items():
        try:
            laws.append(PowerLaw.parse(str(scale)))
        except ValueError as error:
            raise ValueError(f"init.{key}: {error}") from error
    return laws


@dataclass
class SpelledOut:
    """init=spelled_out: alpha, beta1 (std of a) and beta2 (std of w) as numbers or powers of the width m."""

    alpha: str = "1"
    beta1: str = "1"
    beta2: str = "1"
    antisymmetric: bool = True

    plane: ClassVar[planes.Plane] = two_layer.PLANE

    def __post_init__(self) -> None:
        settle(self, "init.", ["antisymmetric"])  # scales may be numbers
        self._laws()

    @property
    def name(self) -> str:
        """Its name in the records, the scales in it: two of them can share an asymptotic place."""
        return _written({"alpha": self.alpha, "beta1": self.beta1, "beta2": self.beta2})

    @property
    def folder(self) -> str:
        """The folder of its records: "alpha=m,beta1=1,beta2=1"."""
        return self.name

    def _laws(self) -> list[PowerLaw]:
        return _laws({key: getattr(self, key) for key in ("alpha", "beta1", "beta2")})

    def resolve(self) -> Initialisation:
        """Return the place on the plane and the scales."""
        return two_layer.spelled_out(*self._laws())


@dataclass
class SpelledOutLayers:
    """init=spelled_out_layers: alpha and the standard deviations of W1, W2 and a, as numbers or powers of m."""

    alpha: str = "1"
    betas: Any = field(default_factory=lambda: ["1", "1", "1"])
    antisymmetric: bool = True

    plane: ClassVar[planes.Plane] = layers.THREE

    def __post_init__(self) -> None:
        settle(self, "init.", ["antisymmetric"])  # scales may be numbers
        if not isinstance(self.betas, list | tuple) or len(self.betas) != self.plane.layers:
            allowed = f"{self.plane.layers} scales, of W1, W2 and a, such as [1e-3,1e-3,1e-3] or [1,m**-0.5,m**-0.5]"
            refuse("init.betas", self.betas, allowed)
        self.betas = [str(beta) for beta in self.betas]
        self._laws()

    @property
    def name(self) -> str:
        """Its name in the records, the scales in it."""
        columns = ("alpha", "beta_w1", "beta_w2", "beta_a")
        return _written(dict(zip(columns, (self.alpha, *self.betas), strict=True)))

    @property
    def folder(self) -> str:
        """The folder of its records: "alpha=1,beta_w1=0.01,beta_w2=0.01,beta_a=0.01"."""
        return self.name

    def _laws(self) -> list[PowerLaw]:
        return _laws({"alpha": self.alpha, **{f"betas[{place}]": beta for place, beta in enumerate(self.betas)}})

    def resolve(self) -> Initialisation:
        """Return the place on the plane and the scales."""
        alpha, *betas = self._laws()
        return layers.spelled_out(alpha, betas)


_OTHERS: Mapping[str, type] = {
    "named": Named,
    "spelled_out": SpelledOut,
    "spelled_out_layers": SpelledOutLayers,
}

if taken := [name for name in POINTS if name in (*_OTHERS, *two_layer.NAMED)]:
    raise ValueError(f"planes: init={taken[0]} is something else already; name the plane otherwise")

INITS: Mapping[str, type] = {**POINTS, **_OTHERS}
"""The config class behind every choice of init."""

PLACE = {"name", *(each.name for kind in INITS.values() for each in fields(kind))} - {"antisymmetric"}
"""The keys of init that say where a run lies."""
