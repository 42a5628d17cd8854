"""Where on the plane a job lies: `init=plane`, a named initialisation, or one spelled out."""

from __future__ import annotations

from dataclasses import dataclass

from condense import plane, registry
from condense.plane import Initialisation, PowerLaw
from condense.schema.checks import finite, refuse
from condense.schema.plain import settle

__all__ = ["Named", "Plane", "SpelledOut"]


@dataclass
class Plane:
    """init=plane: kappa = m^-gamma and kappa' = m^-gamma', realised with alpha = 1."""

    gamma: float = 1.0
    gamma_prime: float = 0.0
    antisymmetric: bool = True

    def __post_init__(self) -> None:
        settle(self, "init.")
        for key in ("gamma", "gamma_prime"):
            finite(f"init.{key}", getattr(self, key))
            setattr(self, key, float(getattr(self, key)) + 0.0)  # 1 is 1.0 and -0.0 is 0.0: the same run

    @property
    def name(self) -> str:
        """Its name in the records."""
        return "plane"

    @property
    def folder(self) -> str:
        """The folder of its records: "gamma=1,gamma_prime=0"."""
        return f"gamma={self.gamma:.12g},gamma_prime={self.gamma_prime:.12g}"

    def resolve(self) -> Initialisation:
        """Return the place on the plane and the scales."""
        return plane.on_plane(self.gamma, self.gamma_prime)


@dataclass
class Named:
    """init=ntk, mean_field, xavier, he or lecun: the exact scales, labelled by their asymptotic place."""

    name: str = "ntk"
    antisymmetric: bool = True

    def __post_init__(self) -> None:
        settle(self, "init.")
        if self.name not in plane.NAMED:
            guess = registry.nearest(self.name, plane.NAMED)
            refuse("init.name", self.name, f"one of {', '.join(plane.NAMED)}{guess}")

    @property
    def folder(self) -> str:
        """The folder of its records: "init=ntk"."""
        return f"init={self.name}"

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
        settle(self, "init.", ["antisymmetric"])  # scales may be numbers
        self._laws()

    @property
    def name(self) -> str:
        """Its name in the records, the scales in it: two of them can share an asymptotic place."""
        scales = f"alpha={self.alpha},beta1={self.beta1},beta2={self.beta2}"
        return scales.replace("**", "^").replace("*", "").replace(" ", "")

    @property
    def folder(self) -> str:
        """The folder of its records: "alpha=m,beta1=1,beta2=1"."""
        return self.name

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
