"""From points to jobs: the range of each coordinate on the command line, the overrides that make the job of a point."""

from __future__ import annotations

import contextlib
import functools
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException

from sweeps.planning.plan import Composer
from sweeps.planning.refusals import require

if TYPE_CHECKING:
    from sweeps.boundary.refine import Point

__all__ = ["PointJobs", "spanned"]


def spanned(key: str, override: Override | None) -> tuple[float, float]:
    """Return the range of a coordinate's values.

    Raises:
        ConfigCompositionException: it has none.
    """
    ends: list[Any] = []
    if override is not None and override.is_interval_sweep():
        interval: Any = override.value()
        ends = [interval.start, interval.end]
    elif override is not None and override.is_sweep_override():
        ends = list(override.sweep_iterator())
    try:
        low, high = min(map(float, ends)), max(map(float, ends))
        fine = -math.inf < low < high < math.inf
    except (TypeError, ValueError):
        fine = False
    if not fine:
        raise ConfigCompositionException(
            f"{key} = {override.get_value_string() if override else 'not given'} is not allowed with "
            f"hydra/sweeper=boundary: a range, {key}='interval(0.6,1.4)' say, or the numbers of a grid, which it spans"
        )
    return low, high


@dataclass(frozen=True)
class PointJobs:
    """The overrides that make a job of a point."""

    fixed: Sequence[str]
    coordinates: Sequence[str]
    repeated: str | None
    repeats: Sequence[int] = ()  # the list that grows, as the command has it

    @classmethod
    def of(
        cls, composer: Composer, parsed: Sequence[Override], coordinates: Sequence[str], repeated: str | None
    ) -> PointJobs:
        """Return the jobs of a command.

        Raises:
            ConfigCompositionException: `repeated` is no key of a list of integers.
        """
        lines = {each.get_key_element(): each.input_line or "" for each in parsed}
        fixed = [line for key, line in lines.items() if key not in (*coordinates, repeated)]
        if repeated is None:
            return cls(fixed, coordinates, None)
        own = [lines[repeated]] if repeated in lines else []
        repeats: Any = composer.compose([*fixed, *own]).config
        with contextlib.suppress(KeyError, TypeError):
            repeats = functools.reduce(operator.getitem, repeated.split("."), repeats)
        fine = isinstance(repeats, list) and bool(repeats) and all(isinstance(each, int) for each in repeats)
        require("repeated", repeated, fine, "the key of a list of integers that grows, such as seeds, or null")
        return cls(fixed, coordinates, repeated, list(repeats))

    def lines(self, asked: Mapping[Point, int]) -> list[list[str]]:
        """Return the overrides of each job."""
        return [[*self._place(point), *self.fixed, *self._repeats(count)] for point, count in asked.items()]

    def _place(self, point: Point) -> list[str]:
        return [f"{key}={value!r}" for key, value in zip(self.coordinates, point, strict=True)]

    def _repeats(self, count: int) -> list[str]:
        """Return the list with so many repeats: those of the command first, then numbers that are not among them."""
        if self.repeated is None:
            return []
        after = max(self.repeats) + 1
        grown = [*self.repeats, *range(after, after + count)][: max(count, len(self.repeats))]
        return [f"{self.repeated}=[{','.join(map(str, grown))}]"]
