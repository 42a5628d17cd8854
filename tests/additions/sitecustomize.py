"""Makes what is added here known to every process whose PYTHONPATH has this folder; in the tree a line would do it."""

import layers  # noqa: F401 (its import registers it)
