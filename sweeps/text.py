"""Command lines: how this program was called, and how one job is run again."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from front_door.names import by_script
from front_door.text import quoted

__all__ = ["again", "program"]


def program() -> list[str]:
    """Return how this program was called, without its arguments: python -m condense, or condense."""
    if by_script():
        return [Path(sys.argv[0]).name]
    given = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv[1:])]
    return [Path(given[0]).name, *given[1:]]


def again(program: Sequence[str], overrides: Sequence[str], sweep: Path) -> str:
    """Return the command that runs one job of a sweep by itself."""
    return shlex.join([*program, "-m", *overrides, f"hydra.sweep.dir={quoted(sweep)}"])
