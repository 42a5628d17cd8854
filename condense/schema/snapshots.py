"""When a run is looked at on its way: `snapshots`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from condense.schema.checks import integral, refuse, whole
from condense.schema.idle import Idle, refuse_idle
from condense.schema.plain import settle

__all__ = ["Snapshots"]

MOST = 1000
"""Moments a decade, beyond which looking takes longer than training."""


@dataclass
class Snapshots:
    """The moments of a run at which it is measured, besides its end, and whose weights are kept; none by default.

    With any moment chosen, start and end are moments too. Of full-batch flows a step is an epoch.
    """

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    per_decade: int = 0
    weights: bool = True
    widths: list[float] | None = None
    seeds: list[int] | None = None

    idle: ClassVar = (
        Idle(
            ("weights", "widths", "seeds"),
            lambda own: not own,
            "without snapshots.steps, losses or per_decade, which say when to look at a run",
        ),
        Idle(
            ("widths", "seeds"),
            lambda own: not own.weights,
            "with snapshots.weights = false, as it says whose weights are kept",
        ),
    )

    def __post_init__(self) -> None:
        settle(self, "snapshots.")
        for key, checked in {"steps": whole, "widths": integral, "seeds": whole}.items():
            values = getattr(self, key)
            setattr(self, key, values and [checked(f"snapshots.{key}", value) for value in values])
        if any(step < 0 for step in self.steps):
            refuse("snapshots.steps", list(self.steps), "step numbers, 0 or above, such as [0,100,1000]")
        if not all(0 < share <= 1 for share in self.losses):
            refuse(
                "snapshots.losses", self.losses, "shares of the first mean square residual in (0, 1], such as [0.9,0.1]"
            )
        if not 0 <= self.per_decade <= MOST:
            refuse("snapshots.per_decade", self.per_decade, f"moments a decade of steps, 0 for none, at most {MOST}")
        refuse_idle("snapshots.", self, self.idle)

    def __bool__(self) -> bool:
        """Whether any moment is chosen."""
        return bool(self.steps or self.losses or self.per_decade)

    def moments(self, most: int) -> list[int]:
        """Return the step numbers up to `most` at which to look, the evenly spaced ones of their logarithm included.

        >>> Snapshots(steps=[0, 7], per_decade=2).moments(100)
        [0, 1, 3, 7, 10, 32, 100]
        """
        spaced: set[int] = set()
        exponent = 0
        while self.per_decade and (step := round(10 ** (exponent / self.per_decade))) <= most:
            spaced.add(step)
            exponent += 1
        return sorted(spaced | {step for step in self.steps if step <= most})

    def keeps(self, width: float, seed: int) -> bool:
        """Whether the weights of the runs of a width and seed are kept."""
        chosen = [(self.widths, width), (self.seeds, seed)]
        return bool(self) and self.weights and all(values is None or value in values for values, value in chosen)
