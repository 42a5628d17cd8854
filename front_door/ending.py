"""How a command ends: exit codes, and interrupts without a word. What it imports takes no time."""

import os
import signal

__all__ = ["FULL", "INTERRUPTED", "end_at_once"]

FULL = "HYDRA_FULL_ERROR"
"""The environment variable that asks for tracebacks, as it does in Hydra."""

INTERRUPTED = 128 + signal.SIGINT
"""The exit code after an interrupt, as a shell has it."""


def end_at_once() -> None:
    """Let an interrupt end this process without a word, unless it is one that a shell has told to ignore them."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def _end(number: int, frame: object) -> None:
    os._exit(INTERRUPTED)
