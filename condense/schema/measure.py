"""What is measured of a run: `measure`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from condense import registry
from condense.schema.checks import refuse
from condense.schema.idle import Idle, refuse_idle
from condense.schema.plain import settle

__all__ = ["OF_LAYERS", "OF_MODULES", "OF_THREE_LAYERS", "WITHOUT_NEURONS", "Measure", "tried"]

OF_NEURONS = ("clusters", "unweighted", "alignment", "reduction", "energy")
"""Observables that a network without known neurons does not have."""

OF_OUTPUT_WEIGHTS = ("unweighted", "reduction", "energy")
"""Observables of neurons with output weights, which modules do not have."""

OF_STACKS = ("ranks", "sharpness", "ntk")
"""Observables that modules alone have."""

RULES = ("threshold", "fraction", "clusters_max", "centres")
"""The rule that counts clusters."""

FEWEST = 512
"""So many centres are tried however many neurons there are, unless fewer are asked for."""


def tried(neurons: int, centres: int) -> int:
    """Return how many neurons are tried as centres: all up to `centres`, else as keep the number of pairs."""
    return neurons if neurons <= centres else max(min(centres, FEWEST), centres**2 // neurons)


@dataclass
class Measure:
    """What is measured: observables, the rule that counts clusters (condense.measure.clusters), the level of intervals.

    `reduction` is the largest relative change of the output on the data by merging neurons
    (condense.measure.reduction). `matrices` are patterns of the names of the matrices of modules that are looked at,
    `points` the data points on which their tangent kernel is compared (condense.measure.curvature).
    """

    observables: list[str] = field(default_factory=lambda: ["relative_change", "clusters"])
    threshold: float = 0.95
    fraction: float = 0.99
    clusters_max: int = 200
    centres: int = 2**14
    reduction: float = 1e-3
    level: float = 0.9
    matrices: list[str] = field(default_factory=lambda: ["*"])
    points: int = 32

    idle: ClassVar = (
        Idle(
            RULES,
            lambda own: not own._observes("clusters", "unweighted"),
            "without clusters or unweighted among measure.observables = {0.observables}",
        ),
        Idle(
            ("reduction",),
            lambda own: not own._observes("reduction"),
            "without reduction among measure.observables = {0.observables}",
        ),
        Idle(
            ("points",),
            lambda own: not own._observes("ntk"),
            "without ntk among measure.observables = {0.observables}",
        ),
    )

    def __post_init__(self) -> None:
        settle(self, "measure.")
        for name in self.observables:
            registry.check("observable", name, "measure.observables")
        if not 0 < self.threshold < 1:
            refuse("measure.threshold", self.threshold, "a cosine above 0, below 1")
        if not 0 < self.fraction < 1:
            refuse("measure.fraction", self.fraction, "a share above 0, below 1")
        if not 0 < self.reduction < 1:
            refuse("measure.reduction", self.reduction, "a relative change above 0, below 1, such as 1e-3")
        if not 0 < self.level < 1:
            refuse("measure.level", self.level, "a confidence level above 0, below 1")
        for key in ("clusters_max", "centres", "points"):
            if getattr(self, key) < 1:
                refuse(f"measure.{key}", getattr(self, key), "an integer, 1 or above")
        refuse_idle("measure.", self, self.idle)

    def _observes(self, *names: str) -> bool:
        """Whether one of these is observed, or anything of the user's, which sees all settings."""
        return any(name in names or "." in name for name in self.observables)


OF_LAYERS = (
    Idle(("matrices",), lambda own: not own._observes(), "without network=module, whose matrices it chooses"),
    Idle(
        ("observables",),
        lambda own: any(name in OF_STACKS for name in own.observables),
        f"as to {', '.join(OF_STACKS)} without network=module, which alone has them",
    ),
)
"""What has no effect but for modules of torch."""

OF_MODULES = (
    Idle(
        ("observables",),
        lambda own: any(name in OF_OUTPUT_WEIGHTS for name in own.observables),
        f"as to {', '.join(OF_OUTPUT_WEIGHTS)} with network=module, whose output weights are not known",
    ),
    Idle(("reduction",), lambda own: not own._observes(), "with network=module, whose output weights are not known"),
)
"""What has no effect for modules of torch."""

OF_THREE_LAYERS = (
    Idle(
        ("observables",),
        lambda own: any(name in ("alignment", "reduction") for name in own.observables),
        "as to alignment, reduction with network=three_layer, whose neurons have no output weights of their own",
    ),
    Idle(("reduction",), lambda own: not own._observes(), "with network=three_layer, whose neurons are not merged"),
)
"""What has no effect for three layers."""

WITHOUT_NEURONS = (
    Idle(
        ("observables",),
        lambda own: any(name in OF_NEURONS for name in own.observables),
        f"as to {', '.join(OF_NEURONS)} with a deep network or one of your own, whose neurons are not known",
    ),
    Idle(
        (*RULES, "reduction"),
        lambda own: not own._observes(),
        "with a deep network or one of your own, whose neurons are not known",
    ),
)
"""What has no effect for networks other than the two-layer one."""
