"""From the logged runs of a sweep to exponents, regimes, the boundary, figures and a report."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # to type checkers it is true; the module typing would take 7 ms of every command

if TYPE_CHECKING:
    from typing import Any

    from analysis.pipeline import Analysis, analyse, analyses
    from analysis.tables.collect import SweepError

__all__ = ["Analysis", "SweepError", "analyse", "analyses"]

_HOMES = {"SweepError": "analysis.tables.collect"}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: pandas and scipy take most of a second."""
    if name not in __all__:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "analysis.pipeline")), name)
