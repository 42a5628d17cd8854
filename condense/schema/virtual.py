"""Widths for which fewer neurons stand: `virtual`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from condense.schema.checks import refuse
from condense.schema.idle import Idle, refuse_idle
from condense.schema.plain import settle

__all__ = ["Virtual"]


@dataclass
class Virtual:
    """Widths up to 1e30 and beyond, and the numbers of neurons that stand for each of them.

    The largest number is what is measured. The others, from draws of their own, show whether the number matters.
    """

    widths: list[float] = field(default_factory=list)
    neurons: list[int] = field(default_factory=lambda: [20_000, 5000])

    idle: ClassVar = (Idle(("neurons",), lambda own: not own.widths, "without virtual.widths, for which they stand"),)

    def __post_init__(self) -> None:
        settle(self, "virtual.")
        if not all(_whole(width) for width in self.widths) or len({f"{m:.12g}" for m in self.widths}) < len(
            self.widths
        ):
            allowed = "whole numbers, 1 or above, each once in twelve digits, such as [1e3,1e8,1e30]"
            refuse("virtual.widths", list(self.widths), allowed)
        self.widths = [float(width) for width in self.widths]
        if not all(_whole(count) for count in self.neurons) or len(set(self.neurons)) < max(len(self.neurons), 2):
            refuse(
                "virtual.neurons",
                list(self.neurons),
                "two different integers or more, 1 or above: the largest is measured, the others test whether the "
                "number matters, such as [20000,5000]",
            )
        self.neurons = [int(count) for count in self.neurons]
        refuse_idle("virtual.", self, self.idle)

    def __bool__(self) -> bool:
        """Whether any width is chosen."""
        return bool(self.widths)


def _whole(value: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 1 <= value < math.inf and value % 1 == 0
