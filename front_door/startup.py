"""Starting and ending without delay: the garbage collector looks at all that imports make, and torch makes much."""

from __future__ import annotations

import atexit
import contextlib
import gc
import sys
from collections.abc import Iterator

__all__ = ["importing"]


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Let the body import much, in a process that ends with its work.

    The collector looks at what it makes neither then, a fifth of the time, nor later, nor at the end of the process,
    which is half of a second with torch. Where torch is there already, nothing is changed.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.freeze)
