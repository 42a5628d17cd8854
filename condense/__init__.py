"""Phase diagrams of neural-network initialisation: `simulate` trains networks over the (gamma, gamma') plane."""

from __future__ import annotations

import os
from importlib import import_module

TYPE_CHECKING = False  # to type checkers it is true; the module typing would take 7 ms of every command

if TYPE_CHECKING:
    from typing import Any

    from condense import schema
    from condense.api import simulate
    from condense.loading import load
    from condense.networks.modules import from_module

    __version__: str

__all__ = ["__version__", "from_module", "load", "schema", "simulate"]

# Read when torch is first imported. By default idle threads spin for milliseconds, and two processes on the same cores,
# a second sweep or a browser, then slow each other up to 50-fold; a short spin costs nothing alone.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")


_HOMES = {
    "from_module": "condense.networks.modules",
    "load": "condense.loading",
    "simulate": "condense.api",
}


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, pandas most of one, and the command line's checks do without them
    if name == "schema":
        return import_module("condense.schema")
    if name == "__version__":
        return import_module("front_door.names").version()
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
