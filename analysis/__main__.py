"""`python -m analysis DIR`."""

from __future__ import annotations

import atexit
import gc
import sys

from analysis.cli import main

gc.disable()  # there is little garbage in the few seconds it takes, and much to look for it in
atexit.register(gc.freeze)

if __name__ == "__main__":
    sys.exit(main())
