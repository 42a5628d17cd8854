"""What the packages and their scripts are called."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["PACKAGES", "SCRIPTS", "by_script", "called", "version"]

SCRIPTS: Mapping[str, str] = {"condense": "condense", "sweeps": "condense-sweeps", "analysis": "condense-analysis"}
"""The console script of every package with a command line."""

PACKAGES = (*SCRIPTS, "durable", "front_door")
"""What no other package or module of this name may hide."""


def by_script() -> bool:
    """Return whether one of the scripts started this process."""
    return Path(sys.argv[0]).name in SCRIPTS.values()


def called(package: str) -> str:
    """Return how a package's command line is called, in the way in which this process was: a script, or python -m."""
    return SCRIPTS[package] if by_script() else f"python -m {package}"


def version() -> str:
    """Return the version of condense that is installed, nothing where none is."""
    from importlib import metadata

    try:
        return metadata.version("condense")
    except metadata.PackageNotFoundError:
        return ""
