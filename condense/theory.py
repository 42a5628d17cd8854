"""Where the predictions of a plane hold: for which networks, and from what flow to which moment. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from condense.planes import PLANES, Plane, with_columns
from condense.schema import FLOWS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["INITIAL", "LEAKY_RELU", "NONE", "RELU", "TANH", "Theory", "behind", "early", "holding", "named"]

TWO_LAYER = PLANES["plane"]

INITIAL = 0.94
"""The share of the first loss that is left at the end of the initial stage: new directions grow from a fall by 5 % on.

A hundredth is for runs that end a little below their stop.
"""


@dataclass(frozen=True)
class Theory:
    """The predictions of a plane, by what they are of; false if there are none.

    Arguments:
        name: What the predictions are of: "two-layer ReLU".
        plane: The coordinates in which they are told, x and y below; see `condense.planes.two_layer`.
        initial: Whether they are of the initial stage alone, before any plateau of the loss.
        small: Whether they are of weights that are small at first, beta2 -> 0, alone.

    References:
        T. Luo, Z.-Q. J. Xu, Z. Ma, Y. Zhang, JMLR 22(71), 2021: two-layer ReLU. H. Zhou, Q. Zhou, Z. Jin, T. Luo,
        Y. Zhang, Z.-Q. J. Xu, arXiv 2303.06561, 2023: the initial stage.
    """

    name: str
    plane: Plane = TWO_LAYER
    initial: bool = False
    small: bool = False

    def __bool__(self) -> bool:
        """Whether there are predictions."""
        return bool(self.name)

    def of(self, block: str) -> bool:
        """Return whether there are predictions of a block."""
        return bool(self) and block in self.plane.blocks

    def at(self, initialisation: str, x: float, y: float) -> bool:
        """Return whether there are predictions at a point; a named initialisation has scales of its own."""
        return bool(self) and (not self.small or (initialisation == self.plane.name and self.plane.small(x, y)))

    def regime(self, initialisation: str, x: float, y: float, block: str = "w") -> str:
        """Return "linear", "critical" or "condensed", "" where nothing is predicted."""
        there = self.of(block) and self.at(initialisation, x, y)
        return self.plane.regime(x, y, block) if there else ""

    def exponents(self, initialisation: str, x: float, y: float) -> dict[str, float]:
        """Return the predicted exponent of each block, NaN where nothing is predicted.

        That is also where the end of training depends on whether the data make a plateau of the loss (`Plane.plateau`).
        """
        there = (self.initial or not self.plane.plateau(x, y)) and self.at(initialisation, x, y)
        return dict(self.plane.exponents(x, y)) if there else dict.fromkeys(self.plane.blocks, float("nan"))

    def boundary(self, y: float, block: str = "w") -> float:
        """Return the x at which the exponent of a block is zero in a row y, NaN where nothing is predicted."""
        line = self.plane.boundary(y, block) if self.of(block) else float("nan")
        return line if self.at(self.plane.name, line, y) else float("nan")

    def over(self, plane: Plane) -> Theory:
        """Return the same predictions in the coordinates of a plane, which may know of none."""
        return replace(self, plane=plane)


NONE = Theory("")

RELU = Theory("two-layer ReLU")

LEAKY_RELU = Theory("two-layer leaky ReLU")

_STAGE = ", initial stage"

TANH = Theory(f"two-layer tanh{_STAGE}", initial=True, small=True)

THREE_RELU = Theory("three-layer ReLU", PLANES["three_layer"])

THREE_LEAKY_RELU = Theory("three-layer leaky ReLU", PLANES["three_layer"])

_HOMOGENEOUS = {
    ("two_layer", "relu"): RELU,
    ("two_layer", "leaky_relu"): LEAKY_RELU,
    ("three_layer", "relu"): THREE_RELU,
    ("three_layer", "leaky_relu"): THREE_LEAKY_RELU,
}


def named(name: str) -> Theory:
    """Return the theory of this name on its own plane, `NONE` for any other."""
    to_the_end = tuple(_HOMOGENEOUS.values())
    known = (*to_the_end, *map(early, to_the_end), TANH)
    return next((theory for theory in known if theory.name == name), NONE)


def early(theory: Theory) -> Theory:
    """Return what a theory says of the initial stage.

    >>> early(RELU).name
    'two-layer ReLU, initial stage'
    """
    return theory if theory.initial or not theory else replace(theory, name=theory.name + _STAGE, initial=True)


def holding(network: str, activation: str, flow: str, keep: float = 1.0, left: float = 0.0) -> Theory:
    """Return the theory that holds for runs, `NONE` where the plane predicts nothing that we know of.

    Two or three layers of a positively homogeneous activation, without dropout, under gradient flow: to the end of
    training. Of two layers of tanh, which bends, to the end of the initial stage: as long as `left`, the share of the
    first loss at the end, is at least `INITIAL`. Of the others more is known to there than later: the exponents in the
    wedge.

    >>> holding("two_layer", "relu", "exponential").name, bool(holding("residual", "", "exponential"))
    ('two-layer ReLU', False)
    """
    if flow not in FLOWS or not FLOWS[flow].gradient or keep < 1:
        return NONE
    if held := _HOMOGENEOUS.get((network, activation)):
        return early(held) if left >= INITIAL else held
    return TANH if (network, activation) == ("two_layer", "tanh") and left >= INITIAL else NONE


def behind(runs: pd.DataFrame) -> Theory:
    """Return the theory that holds for runs of one setting, as records have them: for all of them, or none."""
    told = [set(runs[name].dropna()) - {""} if name in runs else set() for name in ("network", "activation", "flow")]
    if any(len(values) != 1 for values in told):
        return NONE
    [network], [activation], [flow] = told
    kept = runs["keep"].min() if "keep" in runs and runs["keep"].notna().any() else 1.0
    return holding(network, activation, flow, float(kept), _left(runs)).over(of_runs(runs))


def of_runs(runs: pd.DataFrame) -> Plane:
    """Return the plane that runs lie on: the one whose coordinates they have."""
    return with_columns([name for name in runs.columns if runs[name].notna().any()])


def _left(runs: pd.DataFrame) -> float:
    """Return the smallest share of the first loss that is left at the end of a run that converged; NaN if unknown."""
    if not {"mse_initial", "mse_final"} <= set(runs):
        return float("nan")
    return float((runs["mse_final"] / runs["mse_initial"])[runs["converged"]].min())
