"""The scales of networks, and where those of two layers lie on their plane. No torch here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["LayerScales", "PlanePoint", "Scales"]


class PlanePoint(NamedTuple):
    """A point (gamma, gamma') of the plane; both exponents carry the minus sign, so gamma' > 0 is beta1 << beta2."""

    gamma: float
    gamma_prime: float


@dataclass(frozen=True)
class Scales:
    """The scales of one initialisation at one width: output 1/alpha, std of a beta1, std of w beta2."""

    alpha: float
    beta1: float
    beta2: float

    @property
    def kappa(self) -> float:
        """kappa = beta1 beta2 / alpha."""
        return self.beta1 * self.beta2 / self.alpha

    @property
    def kappa_prime(self) -> float:
        """kappa' = beta1 / beta2."""
        return self.beta1 / self.beta2

    @property
    def columns(self) -> dict[str, float]:
        """What records have of them, by name."""
        names = ("kappa", "kappa_prime", "beta1", "beta2", "alpha")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def at(cls, point: PlanePoint, width: float) -> Scales:
        """Return the realisation with alpha = 1: beta1 = m^-(gamma + gamma')/2, beta2 = m^-(gamma - gamma')/2.

        >>> round(Scales.at(PlanePoint(1.0, 0.5), 100.0).kappa_prime, 12)  # m^-gamma'
        0.1
        """
        gamma, gamma_prime = point
        return cls(1.0, width ** (-(gamma + gamma_prime) / 2), width ** (-(gamma - gamma_prime) / 2))

    def point(self, width: float) -> PlanePoint:
        """Return gamma = -log kappa / log m and gamma' = -log kappa' / log m at this width, m > 1."""
        if not width > 1:
            raise ValueError(f"width = {width}: the exponents of a scale need a width above 1")
        log_width = math.log(width)
        return PlanePoint(-math.log(self.kappa) / log_width, -math.log(self.kappa_prime) / log_width)


@dataclass(frozen=True)
class LayerScales:
    """The scales of L layers at one width: output 1/alpha, and the standard deviation of every layer, inputs first."""

    alpha: float
    betas: tuple[float, ...]

    @property
    def kappa(self) -> float:
        """kappa = prod_l beta_l / alpha."""
        return math.prod(self.betas) / self.alpha

    @property
    def columns(self) -> dict[str, float]:
        """What records have of them, by name: beta_w1, beta_w2, ..., beta_a."""
        *hidden, last = self.betas
        layers = {f"beta_w{number}": beta for number, beta in enumerate(hidden, start=1)}
        return {"kappa": self.kappa, "alpha": self.alpha, **layers, "beta_a": last}
