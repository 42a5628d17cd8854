"""`python -m sweeps`."""

import atexit
import gc
import sys

from sweeps.cli import main

atexit.register(gc.freeze)  # Python looks for garbage once more at its end, for longer than a look at a sweep takes

if __name__ == "__main__":
    sys.exit(main())
