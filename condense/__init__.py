"""Phase diagrams of neural-network initialisation: `simulate` trains networks over the (gamma, gamma') plane."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from condense import schema

if TYPE_CHECKING:
    from condense.api import simulate

__all__ = ["schema", "simulate"]

# Read when torch is first imported. Idle threads that spin instead of sleeping slow every step 20-fold as soon as
# another process wants the same cores: a second sweep, a browser.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, and the analysis and the command line's checks do without it
    if name == "simulate":
        from condense import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
