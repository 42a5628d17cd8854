"""Phase diagrams of neural-network initialisation: `simulate` trains networks over the (gamma, gamma') plane."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from condense import schema

if TYPE_CHECKING:
    from condense.api import simulate

__all__ = ["schema", "simulate"]

# Read when torch is first imported. By default idle threads spin for milliseconds, and two processes on the same cores,
# a second sweep or a browser, then slow each other up to 50-fold; a short spin costs nothing alone.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, and the analysis and the command line's checks do without it
    if name == "simulate":
        from condense import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
