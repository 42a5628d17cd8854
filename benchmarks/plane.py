"""Places of the plane for measurements, and condense's runs there."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

import condense
from condense import schema

__all__ = ["NINE", "Point", "runs", "variants"]

Point = tuple[float, float]
"""(gamma, gamma')."""

NINE: Sequence[Point] = [(gamma, gamma_prime) for gamma in (0.6, 1.0, 1.4) for gamma_prime in (-0.2, 0.0, 0.3)]
"""The linear, the critical and the condensed side, at three ratios of the layers' scales."""


def variants() -> dict[str, dict[str, Any]]:
    """Return the ways in which condense can compute a run, as options of `runs`, by name."""
    fields = {each.name for each in dataclasses.fields(schema.Config)}
    if "compiled" in fields and "compiled" in inspect.signature(condense.simulate).parameters:
        return {"condense, compiled": {"compiled": True}, "condense, not compiled": {"compiled": False}}
    return {"condense": {}}


def runs(points: Iterable[Point], widths: Sequence[int], flow: schema.Exponential, **options: Any) -> pd.DataFrame:
    """Return the records of runs at some points, antisymmetric, with seed 0 and the clusters left out."""
    measure = schema.Measure(observables=["relative_change"])
    places = [schema.Plane(*point) for point in points]
    return condense.simulate(init=places, widths=widths, **{"seeds": [0], "flow": flow, "measure": measure, **options})
