"""What a plane is: two exponents of the width that place an initialisation, and what theory says over them.

No torch here: the analysis reads this module too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from condense.planes.scales import LayerScales, Scales

__all__ = ["Axis", "Initialisation", "Plane"]

ON_LINE = 1e-12
"""An exponent nearer to 0 is 0 but for rounding."""


class Axis(NamedTuple):
    """A coordinate of a plane.

    Attributes:
        column: Its name in the config, below init, in records and tables.
        text: The same on a terminal.
        symbol: The same in formulas, TeX without dollars.
        meaning: The formula that defines it.
        grows: What is larger or smaller where the coordinate is larger.
        default: Its value where none is given.
    """

    column: str
    text: str
    symbol: str
    meaning: str
    grows: str
    default: float = 0.0


@dataclass(frozen=True)
class Initialisation:
    """Where an initialisation lies asymptotically, and its exact scales for a width and an input dimension."""

    point: tuple[float, float]
    scales: Callable[[float, int], Scales | LayerScales]


def _nowhere(x: float, y: float) -> bool:
    return False


@dataclass(frozen=True)
class Plane:
    """Two exponents (x, y) of the width, the initialisation at each point, its names, and the theory if there is one.

    Attributes:
        name: As it is chosen, init=NAME, and told in the column `initialisation` of its runs.
        axes: x and y.
        layers: Those of the networks whose scales it gives.
        initialisation: The scales of every block at a point, as functions of width and input dimension.
        named: Points that have a name, "mean field, Xavier" say.
        blocks: The blocks of parameters that there are predictions of; none without a theory.
        exponents: (x, y) -> S of each block, RD ~ m^S.
        boundary: (y, block) -> the x at which S of a block is 0; NaN if there is none.
        line: The formula of the boundary of each block, TeX without dollars.
        plateau: Where S at the end of training may differ from `exponents` by a plateau of the loss.
        decisive: The exponents c of the numbers m^c by which the flow tells regimes apart: near 0 no width does yet.
        small: Where all weights that see the data are small at first.
        local: (x, y, m, RD_a) -> d log RD / d log m of blocks at this width, as far as theory tells it.
    """

    name: str
    axes: tuple[Axis, Axis]
    initialisation: Callable[[float, float], Initialisation]
    layers: int = 2
    named: Mapping[tuple[float, float], str] = field(default_factory=dict)
    blocks: tuple[str, ...] = ()
    exponents: Callable[[float, float], Mapping[str, float]] = lambda x, y: {}
    boundary: Callable[[float, str], float] = lambda y, block: float("nan")
    line: Mapping[str, str] = field(default_factory=dict)
    plateau: Callable[[float, float], bool] = _nowhere
    decisive: Callable[[float, float], tuple[float, ...]] = lambda x, y: ()
    small: Callable[[float, float], bool] = _nowhere
    local: Callable[[float, float, float, float], Mapping[str, float]] = lambda x, y, m, of_a: {}

    @property
    def columns(self) -> tuple[str, str]:
        """The names of x and y in records and tables."""
        x, y = self.axes
        return x.column, y.column

    def regime(self, x: float, y: float, block: str) -> str:
        """Return "linear", "critical" or "condensed" by the sign of the predicted exponent of a block."""
        exponent = self.exponents(x, y)[block]
        if abs(exponent) < ON_LINE:
            return "critical"
        return "linear" if exponent < 0 else "condensed"
