"""From the logged runs of a sweep to exponents, regimes, the boundary, figures and a report."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.collect import SweepError
    from analysis.pipeline import Analysis, analyse, analyses

__all__ = ["Analysis", "SweepError", "analyse", "analyses"]

_HOMES = {"SweepError": "analysis.collect"}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: pandas and scipy take most of a second."""
    if name not in __all__:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "analysis.pipeline")), name)
