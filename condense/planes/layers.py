"""The plane of networks of L layers: scales of an initialisation, named points, predicted exponents and regimes.

A network of width m, W_1 of shape m x (d + 1), W_2 to W_(L-1) of shape m x m and a of shape m, is

    f(x) = (1/alpha) a . s(W_(L-1) ... s(W_1 (x, 1))),    W_l ~ N(0, beta_l^2),    a ~ N(0, beta_L^2)

with alpha = m^b_0 and beta_l = m^-b_l. What flow can tell of these are kappa and the ratios of the beta: the rates
tau_l = (prod_k beta_k)^(2/L) / beta_l^2 = m^theta_l. On the plane all layers behind the first have one scale, and

    kappa_L = prod_l beta_l / alpha = m^-gamma_L,        kappa_2 = beta_L / beta_1 = m^-gamma_2,

of which two layers are the plane of Luo et al. 2021. With three, kappa_2 = (beta_2 beta_3)^(1/2) / beta_1: the choice
of ratio is ours, not that of Zhou et al., arXiv 2205.12101, whose exact one we do not know. No torch here.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from condense.planes import water
from condense.planes.plane import Axis, Initialisation, Plane
from condense.planes.powers import PowerLaw
from condense.planes.scales import LayerScales

__all__ = [
    "THREE",
    "Powers",
    "blocks",
    "boundary",
    "exponents",
    "local_exponents",
    "named",
    "on_plane",
    "plane",
    "spelled_out",
]


@dataclass(frozen=True)
class Powers:
    """The exponents of all scales, alpha = m^alpha and beta_l = m^-betas[l - 1]; all else follows from them."""

    betas: tuple[float, ...]
    alpha: float = 0.0

    @property
    def gamma(self) -> float:
        """gamma_L, kappa_L = m^-gamma_L."""
        return sum(self.betas) + self.alpha

    @property
    def gamma2(self) -> float:
        """gamma_2, beta_L / beta_1 = m^-gamma_2 (of layers behind the first that differ: of their geometric mean)."""
        first, *later = self.betas
        return sum(later) / len(later) - first

    @property
    def theta(self) -> tuple[float, ...]:
        """theta_l of all layers, tau_l = m^theta_l; their sum is 0."""
        mean = sum(self.betas) / len(self.betas)
        return tuple(2 * (beta - mean) for beta in self.betas)

    @property
    def d(self) -> float:
        """gamma_L - L/2: the aligned output of the initial weights is m^-d."""
        return self.gamma - len(self.betas) / 2

    def scales(self, width: float) -> LayerScales:
        """Return the scales at a width."""
        return LayerScales(width**self.alpha, tuple(width**-beta for beta in self.betas))

    @classmethod
    def at(cls, gamma: float, gamma2: float, layers: int = 3) -> Powers:
        """Return those of a point of the plane, realised with alpha = 1.

        >>> Powers.at(1.5, 0.0).betas, Powers.at(1.0, 0.5).betas  # Xavier, LeCun
        ((0.5, 0.5, 0.5), (0.0, 0.5, 0.5))
        """
        later = (gamma + gamma2) / layers
        return cls((later - gamma2, *[later] * (layers - 1)))


def on_plane(gamma: float, gamma2: float, layers: int = 3) -> Initialisation:
    """Return the initialisation with kappa_L = m^-gamma_L and kappa_2 = m^-gamma_2 exactly."""
    powers = Powers.at(gamma, gamma2, layers)
    return Initialisation((gamma, gamma2), lambda m, d: powers.scales(m))


_LABELS = {"ntk": "NTK", "lecun": "LeCun", "he": "He", "xavier": "Xavier"}


def named(layers: int = 3) -> dict[str, Initialisation]:
    """Return the named initialisations by their variances: 1 and alpha = m^((L-1)/2), or those of fan-in and fan-out.

    >>> {name: each.point for name, each in named(3).items()}
    {'ntk': (1.0, 0.0), 'lecun': (1.0, 0.5), 'he': (1.0, 0.5), 'xavier': (1.5, 0.0)}
    """

    def at(powers: Powers, variances: Callable[[float, int], list[float]]) -> Initialisation:
        def scales(m: float, d: int) -> LayerScales:
            return LayerScales(m**powers.alpha, tuple(math.sqrt(variance) for variance in variances(m, d)))

        return Initialisation((powers.gamma, powers.gamma2), scales)

    later, hidden = layers - 1, layers - 2
    fan_in = Powers((0.0, *[0.5] * later))
    return {
        "ntk": at(Powers((0.0,) * layers, alpha=later / 2), lambda m, d: [1.0] * layers),
        "lecun": at(fan_in, lambda m, d: [1 / d, *[1 / m] * later]),
        "he": at(fan_in, lambda m, d: [2 / d, *[2 / m] * later]),
        "xavier": at(Powers((0.5,) * layers), lambda m, d: [2 / (m + d), *[1 / m] * hidden, 2 / (m + 1)]),
    }


def spelled_out(alpha: PowerLaw, betas: Sequence[PowerLaw]) -> Initialisation:
    """Return the initialisation with these scales, inputs first; its place is that of their powers of m.

    >>> spelled_out(PowerLaw.parse("m"), [PowerLaw.parse("1")] * 3).point  # NTK
    (1.0, 0.0)
    """
    powers = Powers(tuple(-beta.power for beta in betas), alpha.power)
    scales = lambda m, d: LayerScales(alpha(m), tuple(beta(m) for beta in betas))  # noqa: E731
    return Initialisation((powers.gamma, powers.gamma2), scales)


def blocks(layers: int = 3) -> tuple[str, ...]:
    """Return the names of what there are exponents of: every layer, m x m ones by their operator norm too, and all.

    >>> blocks(3)
    ('w1', 'w2', 'a', 'w2_op', 'theta')
    """
    hidden = [f"w{number}" for number in range(2, layers)]
    return ("w1", *hidden, "a", *(f"{name}_op" for name in hidden), "theta")


def _targets(layers: int) -> dict[str, tuple[int, float]]:
    """Return of every block its layer (from 0; -1: the fastest) and the height h at which its exponent is 0.

    An m x m matrix starts with Frobenius norm m and operator norm 2 m^1/2; its change has few directions.
    """
    where = {"w1": 0, "a": layers - 1, **{f"w{number}": number - 1 for number in range(2, layers)}}
    whole = {name: (layer, 0.0 if name in ("w1", "a") else 1.0) for name, layer in where.items()}
    return whole | {f"{name}_op": (layer, 0.0) for name, (layer, h) in whole.items() if h} | {"theta": (-1, 1.0)}


def exponents(gamma: float, gamma2: float, layers: int = 3) -> dict[str, float]:
    """Return the predicted S of every block: RD ~ m^S.

    With the heights h_l and phi of `condense.planes.water` for d = gamma_L - L/2:

        S_w1 = phi(h_1),   S_a = phi(h_L),   S_wl = phi(h_l) - 1/2 (Frobenius norm),   S_wl_op = phi(h_l),

    and S_theta = max_l phi(h_l) - 1/2, since |theta(0)| is that of the m x m matrices.

    >>> exponents(3.0, 0.0)
    {'w1': 0.5, 'w2': 0.0, 'a': 0.5, 'w2_op': 0.5, 'theta': 0.0}
    """
    powers, targets = Powers.at(gamma, gamma2, layers), _targets(layers)
    changes = [water.change(h) for h in water.heights(powers.d, powers.theta)]
    of_layers = {block: changes[layer] if layer >= 0 else max(changes) for block, (layer, _) in targets.items()}
    return {block: of_layers[block] - targets[block][1] / 2 for block in blocks(layers)}


def boundary(gamma2: float, block: str = "w1", layers: int = 3) -> float:
    """Return the gamma_L at which the predicted exponent of a block is zero, on the line of this gamma_2.

    >>> boundary(0.25), boundary(0.25, "w2"), boundary(1.0, "w2"), boundary(-0.25, "a")
    (2.0, 2.75, 2.5, 1.75)
    """
    layer, h = _targets(layers)[block]
    theta = Powers.at(0.0, gamma2, layers).theta
    of_it = theta[layer] if layer >= 0 else max(theta)
    return layers / 2 + water.filled(h - of_it, theta)


def local_exponents(gamma: float, gamma2: float, width: float, of_a: float, layers: int = 3) -> dict[str, float]:
    """Return d log RD / d log m of the layers of a condensed network at a finite width, given RD of a there.

    Where layers have outgrown their start, kappa_L prod_l (m + tau_l G)^(1/2) stays of order 1 as m grows. All share
    the gain G, which the change of a tells: with r_l^2 = tau_l G / m = RD_a^2 m^(theta_l - theta_L) and
    w_l = r_l^2 / (1 + r_l^2),

        d log r_l / d log m = (theta_l + rho) / 2,    rho = (2 d - sum_k w_k theta_k) / sum_k w_k,

    and 1/2 less of m x m matrices in Frobenius norm. It tends to `exponents` as every w_l tends to 1 or 0. It holds
    beyond the boundary, d > 0: NaN elsewhere.

    Args:
        gamma, gamma2: the point.
        width: m.
        of_a: RD_a, over both copies.
        layers: L.

    >>> local = local_exponents(2.0, 0.0, 3200.0, 2.9)  # in the limit 1/6, -1/3, 1/6
    >>> {block: round(value, 3) for block, value in local.items()}
    {'w1': 0.186, 'w2': -0.314, 'a': 0.186, 'w2_op': 0.186}
    """
    powers = Powers.at(gamma, gamma2, layers)
    theta = powers.theta
    squares = [of_a**2 * width ** (each - theta[-1]) for each in theta]
    weights = [square / (1 + square) for square in squares]
    rho = (2 * powers.d - sum(map(operator.mul, weights, theta))) / sum(weights)
    found = {block: (layer, h) for block, (layer, h) in _targets(layers).items() if layer >= 0}
    local = {block: (theta[layer] + rho - h) / 2 if powers.d > 0 else math.nan for block, (layer, h) in found.items()}
    return {block: local[block] for block in blocks(layers) if block in local}


def _half(n: int) -> str:
    """Write n/2."""
    return f"{n}/2" if n % 2 else f"{n // 2}"


def _decisive(layers: int) -> Callable[[float, float], tuple[float, ...]]:
    def decisive(gamma: float, gamma2: float) -> tuple[float, ...]:
        """Return the exponents of kappa_L m^(L/2), of kappa_2, and of what either side grows by at the boundaries."""
        d = gamma - layers / 2
        return d, gamma2, d - (layers - 1) * gamma2, d + gamma2

    return decisive


def plane(name: str, layers: int) -> Plane:
    """Return the plane of networks of L layers, init=NAME, whose coordinates are gammaL and gamma2."""
    if layers < 3:
        raise ValueError(f"layers = {layers}: the plane of two layers is condense.planes.two_layer, of more this one")
    labels: dict[tuple[float, float], str] = {}
    for key, initialisation in named(layers).items():
        known = labels.get(initialisation.point)
        labels[initialisation.point] = f"{known}, {_LABELS[key]}" if known else _LABELS[key]
    half, later, hidden = _half(layers), layers - 1, range(2, layers)
    grown = rf"\gamma_{layers} = {half} + \max(-\gamma_2, 0)"
    whole = rf"\gamma_{layers} = {_half(layers + later)} + \max(1/2 - \gamma_2, 0)"
    return Plane(
        name=name,
        axes=(
            Axis(
                f"gamma{layers}",
                f"gamma{layers}",
                rf"\gamma_{layers}",
                rf"\kappa_{layers} = \prod_l \beta_l/\alpha = m^{{-\gamma_{layers}}}",
                "smaller output at initialisation",
                default=layers / 2,
            ),
            Axis(
                "gamma2",
                "gamma2",
                r"\gamma_2",
                rf"\kappa_2 = \beta_{layers}/\beta_1 = m^{{-\gamma_2}}",
                "smaller later layers, larger input weights",
            ),
        ),
        initialisation=lambda gamma, gamma2: on_plane(gamma, gamma2, layers),
        layers=layers,
        named=labels,
        blocks=blocks(layers),
        exponents=lambda gamma, gamma2: exponents(gamma, gamma2, layers),
        boundary=lambda gamma2, block: boundary(gamma2, block, layers),
        line={
            "w1": rf"\gamma_{layers} = {half} + {later} \max(\gamma_2, 0)",
            "a": grown,
            **{f"w{number}": whole for number in hidden},
            **{f"w{number}_op": grown for number in hidden},
            "theta": rf"{whole}\ (\gamma_2 \geq 0),\ {_half(layers + 1)} + {later} \max(1/2 + \gamma_2, 0)\ "
            r"(\gamma_2 < 0)",
        },
        decisive=_decisive(layers),
        local=lambda gamma, gamma2, width, of_a: local_exponents(gamma, gamma2, width, of_a, layers),
    )


THREE = plane("three_layer", 3)
"""The plane of three-layer networks: init=three_layer."""
