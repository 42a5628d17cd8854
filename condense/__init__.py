"""Phase diagrams of neural-network initialisation: `simulate` trains networks over the (gamma, gamma') plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from condense import schema

if TYPE_CHECKING:
    from condense.api import simulate

__all__ = ["schema", "simulate"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, and the analysis and the command line's checks do without it
    if name == "simulate":
        from condense import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
