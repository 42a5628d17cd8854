"""Words: how this program was called, how one job is run again, how long something takes."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from front_door.names import by_script
from front_door.text import quoted

__all__ = ["again", "duration", "program"]


def program() -> list[str]:
    """Return how this program was called, without its arguments: python -m condense, or condense."""
    if by_script():
        return [Path(sys.argv[0]).name]
    given = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv[1:])]
    return [Path(given[0]).name, *given[1:]]


def again(program: Sequence[str], overrides: Sequence[str], sweep: Path) -> str:
    """Return the command that runs one job of a sweep by itself."""
    return shlex.join([*program, "-m", *overrides, f"hydra.sweep.dir={quoted(sweep)}"])


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> [duration(seconds) for seconds in (0.4, 75, 4000, 200000)]
    ['0 s', '75 s', '67 min', '55.6 h']
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
