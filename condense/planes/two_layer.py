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
from collections.abc import Callable, Mapping

from condense.planes import water
from condense.planes.plane import Axis, Initialisation, Plane
from condense.planes.powers import PowerLaw
from condense.planes.scales import PlanePoint, Scales

__all__ = [
    "NAMED",
    "PLANE",
    "PlanePoint",
    "Scales",
    "boundary",
    "decisive",
    "exponent",
    "exponent_after_plateau",
    "exponents",
    "in_wedge",
    "named_points",
    "on_plane",
    "regime",
    "small",
    "spelled_out",
]


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


def named_points() -> dict[tuple[float, float], str]:
    """Return the places of the named initialisations with the names that share each.

    >>> named_points()[PlanePoint(1.0, 0.0)]
    'mean field, Xavier'
    """
    labels: dict[tuple[float, float], str] = {}
    for name, initialisation in NAMED.items():
        known = labels.get(initialisation.point)
        labels[initialisation.point] = f"{known}, {_LABELS[name]}" if known else _LABELS[name]
    return labels


def spelled_out(alpha: PowerLaw, beta1: PowerLaw, beta2: PowerLaw) -> Initialisation:
    """Return the initialisation with these three scales.

    Its asymptotic place is gamma = p(alpha) - p(beta1) - p(beta2), gamma' = p(beta2) - p(beta1), p the power of m.

    >>> spelled_out(PowerLaw.parse("m"), PowerLaw.parse("1"), PowerLaw.parse("1")).point  # mean field
    PlanePoint(gamma=1.0, gamma_prime=0.0)
    """
    point = PlanePoint(alpha.power - beta1.power - beta2.power, beta2.power - beta1.power)
    return Initialisation(point, lambda m, d: Scales(alpha(m), beta1(m), beta2(m)))


def exponents(gamma: float, gamma_prime: float) -> dict[str, float]:
    """Return the predicted S_w, S_a and S_theta: RD ~ m^S for the input weights, the output weights, all of them.

    With d = gamma - 1 and the time scales m^theta of the layers, theta_w = -gamma', theta_a = gamma',

        S_l = phi(theta_l + rho),    phi(h) = h for h <= 0, h/2 for h > 0,    S_theta = max(S_w, S_a),
        rho = d - |gamma'| for d <= 0, else the root of sum_l max(0, theta_l + rho) = 2 d

    (`condense.planes.water`).

    >>> exponents(1.75, 0.0)["w"]
    0.375
    """
    theta = {"w": -gamma_prime, "a": gamma_prime}
    heights = dict(zip(theta, water.heights(gamma - 1, [*theta.values()]), strict=True))
    found = {block: water.change(h) for block, h in heights.items()}
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


def decisive(gamma: float, gamma_prime: float) -> tuple[float, ...]:
    """Return the exponents of kappa m, kappa', their product and their quotient: the flow knows these two alone."""
    gain = gamma - 1
    return gain, gamma_prime, gain - gamma_prime, gain + gamma_prime


def small(gamma: float, gamma_prime: float) -> bool:
    """Return whether the input weights are small at first: beta2 = m^-(gamma - gamma')/2 -> 0."""
    return gamma > gamma_prime


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
    return PLANE.regime(gamma, gamma_prime, block)


def boundary(gamma_prime: float, block: str = "w") -> float:
    """Return the gamma at which the predicted exponent of a block is zero, on the line of this gamma'.

    gamma = 1 + max(gamma', 0) for w, 1 + max(-gamma', 0) for a, 1 for all parameters (theta).
    """
    outward = {"w": gamma_prime, "a": -gamma_prime, "theta": 0.0}
    return 1.0 + max(outward[block], 0.0)


PLANE = Plane(
    name="plane",
    axes=(
        Axis(
            "gamma",
            "gamma",
            r"\gamma",
            r"\kappa = \beta_1\beta_2/\alpha = m^{-\gamma}",
            "smaller output at initialisation",
            default=1.0,
        ),
        Axis(
            "gamma_prime",
            "gamma'",
            r"\gamma'",
            r"\kappa' = \beta_1/\beta_2 = m^{-\gamma'}",
            "smaller output weights, larger input weights",
        ),
    ),
    initialisation=on_plane,
    named=named_points(),
    blocks=("w", "a", "theta"),
    exponents=exponents,
    boundary=boundary,
    line={
        "w": r"\gamma = 1 + \max(\gamma', 0)",
        "a": r"\gamma = 1 + \max(-\gamma', 0)",
        "theta": r"\gamma = 1",
    },
    plateau=in_wedge,
    decisive=decisive,
    small=small,
)
"""The plane of two-layer networks: init=plane."""
