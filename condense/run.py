"""A run: one network to train. No torch here: planning and status go through thousands of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from condense.planes.scales import LayerScales, Scales

__all__ = ["Run"]


@dataclass(frozen=True)
class Run:
    """One network to train, at a place that its scales say.

    Attributes:
        scales: alpha and the standard deviations of the network as it is computed.
        neurons: Those of one copy.
        seed: That of its draw.
        stands_for: The width m of which the neurons are a sample, a *virtual* width; None: they are as many as m.
        key: The hash of all that makes it that run (`condense.runs.identity`); "" where no record is kept.
        point: Its coordinates on the plane by name, of which the scales of a module are formulas.
        rate: Its learning rate, where runs that are trained together may have different ones.
    """

    scales: Scales | LayerScales
    neurons: int
    seed: int
    stands_for: float | None = None
    key: str = ""
    point: Mapping[str, float] = field(default_factory=dict, hash=False)
    rate: float | None = None

    @property
    def width(self) -> float:
        """The width m, to which exponents refer."""
        return self.neurons if self.stands_for is None else self.stands_for

    @property
    def virtual(self) -> bool:
        """Whether its neurons stand for a width that is any number."""
        return self.stands_for is not None

    @property
    def label(self) -> str:
        """Its part of a file name: "width=500,seed=0", "width=1e+30,neurons=5000,seed=0"."""
        size = f"width={self.width:.12g},neurons={self.neurons}" if self.virtual else f"width={self.neurons}"
        return f"{size},seed={self.seed}"
