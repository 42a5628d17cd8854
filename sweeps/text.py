"""Text for command lines: what Hydra's grammar reads, and how this program was called."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from front_door.names import by_script

__all__ = ["again", "program", "quoted"]


def quoted(text: object) -> str:
    """Return a value that Hydra's override grammar reads as this text."""
    return "'" + str(text).replace("\\", "\\\\").replace("'", "\\'") + "'"


def program() -> list[str]:
    """Return how this program was called, without its arguments: python -m condense, or condense."""
    if by_script():
        return [Path(sys.argv[0]).name]
    given = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv[1:])]
    return [Path(given[0]).name, *given[1:]]


def again(program: Sequence[str], overrides: Sequence[str], sweep: Path) -> str:
    """Return the command that runs one job of a sweep by itself."""
    return shlex.join([*program, "-m", *overrides, f"hydra.sweep.dir={quoted(sweep)}"])
