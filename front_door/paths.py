"""Where code is looked for: the user's own in the working directory, ours where nothing else hides it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from front_door.names import PACKAGES, SCRIPTS, by_script

__all__ = ["ROOT", "add_working_directory", "hidden"]

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds our packages."""


def add_working_directory() -> None:
    """Make networks, activations and data of the user's own importable, behind all that is installed."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def hidden(package: str) -> str:
    """Return what hides one of our packages and what to do about it, nothing if nothing does."""
    for name in PACKAGES:
        file = _in_place_of(name)
        if file is not None:
            return f"{file} hides {name}, a package of condense itself. {_advice(package, file)}"
    return ""


def _in_place_of(name: str) -> Path | None:
    """Return what Python would import instead of our package of this name."""
    spec = find_spec(name)
    if spec is None:
        return None
    places = [Path(place).resolve() for place in spec.submodule_search_locations or []]
    if ROOT / name in places:
        return None
    return Path(spec.origin) if spec.origin else places[0]


def _advice(package: str, file: Path) -> str:
    here = Path.cwd() in file.resolve().parents
    if here and not by_script():
        script = SCRIPTS[package]
        return f"Start with the script instead, {script} .., which looks in the working directory last; or rename it"
    return "Rename it, or take its folder out of PYTHONPATH"
