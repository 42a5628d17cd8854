"""A plane of another kind: the exponents of the standard deviations of both layers, w ~ m^-b_w and a ~ m^-b_a.

gamma = b_w + b_a and gamma' = b_a - b_w, so its theory is that of two layers in other coordinates.
"""

from condense.planes import PLANES, Axis, Initialisation, Plane, two_layer
from condense.planes.scales import Scales


def both(b_w, b_a):
    return b_w + b_a, b_a - b_w


def initialisation(b_w, b_a):
    return Initialisation((b_w, b_a), lambda m, d: Scales(1.0, m**-b_a, m**-b_w))


def boundary(b_a, block):
    """On rows of constant b_a: of w, b_w = 1/2 above b_a = 1/2 and 1 - b_a below."""
    return {"w": max(0.5, 1 - b_a), "a": 1 - b_a if b_a >= 0.5 else float("nan"), "theta": 1 - b_a}[block]


PLANES["layers"] = Plane(
    name="layers",
    axes=(
        Axis("b_w", "b_w", "b_w", r"\beta_2 = m^{-b_w}", "smaller input weights", default=0.5),
        Axis("b_a", "b_a", "b_a", r"\beta_1 = m^{-b_a}", "smaller output weights", default=0.5),
    ),
    initialisation=initialisation,
    blocks=("w", "a", "theta"),
    exponents=lambda b_w, b_a: two_layer.exponents(*both(b_w, b_a)),
    boundary=boundary,
    line={"w": r"b_w = \max(1/2, 1 - b_a)", "a": "b_w = 1 - b_a", "theta": "b_w = 1 - b_a"},
    plateau=lambda b_w, b_a: two_layer.in_wedge(*both(b_w, b_a)),
    decisive=lambda b_w, b_a: two_layer.decisive(*both(b_w, b_a)),
)
