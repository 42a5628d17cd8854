"""The planes on which initialisations lie: what places and scales them, what theory predicts. No torch here."""

from __future__ import annotations

from collections.abc import Collection

from condense.planes import layers, two_layer
from condense.planes.plane import Axis, Initialisation, Plane

__all__ = ["PLANES", "Axis", "Initialisation", "Plane", "with_columns"]

PLANES: dict[str, Plane] = {plane.name: plane for plane in (two_layer.PLANE, layers.THREE)}
"""All planes by name; the first is that of records which say nothing."""


def with_columns(columns: Collection[str]) -> Plane:
    """Return the plane whose coordinates are among some columns: of several the last that was added, else the first."""
    first, *_ = PLANES.values()
    there = (plane for plane in reversed(PLANES.values()) if {*plane.columns} <= {*columns})
    return next(there, first)
