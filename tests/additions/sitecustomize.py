"""Makes what is added here known to every process whose PYTHONPATH has this folder; in the tree a line would do it."""

import layers  # noqa: F401
import momentum  # noqa: F401
import nice  # noqa: F401
import residuals  # noqa: F401
import waves  # noqa: F401
