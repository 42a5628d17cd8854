"""The scales of a two-layer network and where they lie on its plane. No torch here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["PlanePoint", "Scales"]


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
