"""The (gamma, gamma') plane: scales of an initialisation, named points, predicted exponents and regimes.

Conventions of Luo, Xu, Ma and Zhang, "Phase Diagram for Two-layer ReLU Neural Networks at Infinite-width
Limit", JMLR 22(71), 2021. A two-layer network of width m is

    f(x) = (1/alpha) sum_k a_k s(w_k . x),    a_k ~ N(0, beta1^2),    w_k ~ N(0, beta2^2 I)

and its place on the plane is given by two powers of the width,

    kappa  = beta1 beta2 / alpha = m^-gamma,        kappa' = beta1 / beta2 = m^-gamma'.

No torch here: the analysis reads this module too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "NAMED",
    "Initialisation",
    "PlanePoint",
    "PowerLaw",
    "Scales",
    "boundary",
    "exponent",
    "exponent_after_plateau",
    "exponents",
    "in_wedge",
    "named_points",
    "on_plane",
    "regime",
    "spelled_out",
]


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


@dataclass(frozen=True)
class Initialisation:
    """Where an initialisation lies asymptotically, and its exact scales for a width and an input dimension."""

    point: PlanePoint
    scales: Callable[[float, int], Scales]


def on_plane(gamma: float, gamma_prime: float) -> Initialisation:
    """Return the initialisation with kappa = m^-gamma and kappa' = m^-gamma' exactly, realised with alpha = 1."""
    point = PlanePoint(gamma, gamma_prime)
    return Initialisation(point, lambda width, inputs: Scales.at(point, width))


def _variances(a: Callable[[float], float], w: Callable[[float, int], float]) -> Callable[[float, int], Scales]:
    return lambda m, d: Scales(1.0, math.sqrt(a(m)), math.sqrt(w(m, d)))


NAMED: Mapping[str, Initialisation] = {
    "ntk": Initialisation(PlanePoint(0.5, 0.0), lambda m, d: Scales(math.sqrt(m), 1.0, 1.0)),
    "mean_field": Initialisation(PlanePoint(1.0, 0.0), lambda m, d: Scales(m, 1.0, 1.0)),
    "xavier": Initialisation(PlanePoint(1.0, 0.0), _variances(lambda m: 2 / (m + 1), lambda m, d: 2 / (m + d))),
    "he": Initialisation(PlanePoint(0.5, 0.5), _variances(lambda m: 2 / m, lambda m, d: 2 / d)),
    "lecun": Initialisation(PlanePoint(0.5, 0.5), _variances(lambda m: 1 / m, lambda m, d: 1 / d)),
}
"""Named initialisations by their variances; m is the width, d the input dimension without the bias."""

_LABELS = {"ntk": "NTK", "mean_field": "mean field", "xavier": "Xavier", "he": "He", "lecun": "LeCun"}


def named_points() -> dict[PlanePoint, str]:
    """Return the places of the named initialisations with the names that share each.

    >>> named_points()[PlanePoint(1.0, 0.0)]
    'mean field, Xavier'
    """
    labels: dict[PlanePoint, str] = {}
    for name, initialisation in NAMED.items():
        known = labels.get(initialisation.point)
        labels[initialisation.point] = f"{known}, {_LABELS[name]}" if known else _LABELS[name]
    return labels


_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?"
_POWER_LAW = re.compile(
    rf"\s*(?:(?P<factor>{_NUMBER})\s*\*?\s*)?(?P<m>m(?:\s*(?:\^|\*\*)\s*(?P<power>[+-]?{_NUMBER}))?)?\s*"
)


@dataclass(frozen=True)
class PowerLaw:
    """A scale that depends on the width as factor * m^power."""

    factor: float
    power: float

    @classmethod
    def parse(cls, text: str) -> PowerLaw:
        """Read "3", "m", "m**-0.5" or "2*m**-0.5"; ^ and a space do as well, though not on Hydra's command line.

        >>> PowerLaw.parse("2*m**-0.5")
        PowerLaw(factor=2.0, power=-0.5)

        Raises:
            ValueError: the text is no such product or its factor is not positive.
        """
        match = _POWER_LAW.fullmatch(text)
        if match is None or not text.strip() or (factor := float(match["factor"] or 1.0)) <= 0:
            raise ValueError(f"{text!r} is not a positive number times a power of m, such as '3' or '2*m**-0.5'")
        power = float(match["power"] or 1.0) if match["m"] else 0.0
        return cls(factor, power)

    def __call__(self, width: float) -> float:
        """Return factor * width^power."""
        return float(self.factor * width**self.power)


def spelled_out(alpha: PowerLaw, beta1: PowerLaw, beta2: PowerLaw) -> Initialisation:
    """Return the initialisation with these three scales.

    Its asymptotic place is gamma = p(alpha) - p(beta1) - p(beta2), gamma' = p(beta2) - p(beta1), p the power of m.

    >>> spelled_out(PowerLaw.parse("m"), PowerLaw.parse("1"), PowerLaw.parse("1")).point  # mean field
    PlanePoint(gamma=1.0, gamma_prime=0.0)
    """
    point = PlanePoint(alpha.power - beta1.power - beta2.power, beta2.power - beta1.power)
    return Initialisation(point, lambda m, d: Scales(alpha(m), beta1(m), beta2(m)))


def _water_level(gain: float, floors: tuple[float, ...]) -> float:
    """Return rho with sum_l max(0, floor_l + rho) = 2 gain, for gain > 0."""
    highest_first = sorted(floors, reverse=True)
    for wet in range(1, len(floors) + 1):
        rho = (2 * gain - sum(highest_first[:wet])) / wet
        if wet == len(floors) or highest_first[wet] + rho <= 0:
            break
    return rho


def exponents(gamma: float, gamma_prime: float) -> dict[str, float]:
    """Return the predicted S_w, S_a and S_theta: RD ~ m^S for the input weights, the output weights, all of them.

    With d = gamma - 1 and the time scales m^theta of the layers, theta_w = -gamma', theta_a = gamma',

        S_l = phi(theta_l + rho),    phi(h) = h for h <= 0, h/2 for h > 0,    S_theta = max(S_w, S_a),
        rho = d - |gamma'| for d <= 0, else the root of sum_l max(0, theta_l + rho) = 2 d.

    >>> exponents(1.75, 0.0)["w"]
    0.375
    """
    theta = {"w": -gamma_prime, "a": gamma_prime}
    d = gamma - 1
    rho = d - abs(gamma_prime) if d <= 0 else _water_level(d, tuple(theta.values()))
    heights = {block: scale + rho for block, scale in theta.items()}
    found = {block: h if h <= 0 else h / 2 for block, h in heights.items()}
    return {**found, "theta": max(found.values())}


def exponent(gamma: float, gamma_prime: float, block: str = "w") -> float:
    """Return one of the predicted `exponents`: block "w", "a" or "theta"."""
    return exponents(gamma, gamma_prime)[block]


def in_wedge(gamma: float, gamma_prime: float) -> bool:
    """Return whether a point lies in the wedge 1 < gamma < 1 - gamma', where few neurons decide the end of training.

    The closed form `exponents` holds there before a plateau of the loss only; whether there is one depends on the data.

    >>> in_wedge(1.2, -0.4), in_wedge(1.2, 0.4), in_wedge(1.0, -0.4)
    (True, False, False)
    """
    return 1 < gamma < 1 - gamma_prime


def exponent_after_plateau(gamma: float, gamma_prime: float) -> float:
    """Return S_w at the end of training in the wedge 1 < gamma < 1 - gamma', after a plateau of the loss.

    min((d - gamma') / 2, 5 d / 2), d = gamma - 1: few neurons have to leave the plateau, on which the aligned ones can
    fit no more; derived and measured in docs/infinite-width.md. Before it, and where the aligned neurons fit the
    target (a linear one), S_w is that of `exponents`, d.

    >>> round(exponent_after_plateau(1.2, -0.3), 9), round(exponent_after_plateau(1.2, -1.4), 9)
    (0.25, 0.5)
    """
    d = gamma - 1
    return min((d - gamma_prime) / 2, 5 * d / 2)


def regime(gamma: float, gamma_prime: float, block: str = "w") -> str:
    """Return "linear", "critical" or "condensed" by the sign of the predicted exponent.

    >>> regime(0.5, 0.0), regime(1.0, 0.0), regime(1.75, 0.0)
    ('linear', 'critical', 'condensed')
    """
    distance = gamma - boundary(gamma_prime, block)
    if abs(distance) < 1e-12:
        return "critical"
    return "linear" if distance < 0 else "condensed"


def boundary(gamma_prime: float, block: str = "w") -> float:
    """Return the gamma at which the predicted exponent of a block is zero, on the line of this gamma'.

    gamma = 1 + max(gamma', 0) for w, 1 + max(-gamma', 0) for a, 1 for all parameters (theta).
    """
    outward = {"w": gamma_prime, "a": -gamma_prime, "theta": 0.0}
    return 1.0 + max(outward[block], 0.0)
