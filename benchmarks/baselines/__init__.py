"""Other ways to train the networks that condense trains: one function a way, each from a `Case` to an `Outcome`.

All start from condense's own draw and end at the same mean square residual. No torch here, nor in what this imports.
"""

from benchmarks.baselines.case import Case, Deadline, Outcome, OutOfTimeError

__all__ = ["Case", "Deadline", "OutOfTimeError", "Outcome"]
