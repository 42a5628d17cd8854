"""Which source code a sweep was submitted with, so that a worker that finds other code can refuse."""

from __future__ import annotations

import hashlib
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

__all__ = ["changed", "fingerprint", "installed"]


def fingerprint(packages: Iterable[str] = (), files: Iterable[str] = ()) -> dict[str, str]:
    """Return a hash for every source file that a worker may run: path -> hash.

    These are the files of the packages named, and of every package and module that is loaded and is not installed:
    the user's own; and any other files given.
    """
    return {str(file): _hash(file) for file in sorted({*_named(packages), *_own(), *map(Path, files)})}


def changed(before: Mapping[str, str]) -> list[str]:
    """Return the files of a fingerprint that are not what they were."""
    return [path for path, hashed in before.items() if _hash(Path(path)) != hashed]


def installed() -> list[str]:
    """Return the folders that belong to this interpreter: the standard library, and what is installed."""
    paths = sysconfig.get_paths()
    return sorted({*site.getsitepackages(), site.getusersitepackages(), paths["stdlib"], paths["platstdlib"]})


def _hash(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def _named(packages: Iterable[str]) -> Iterator[Path]:
    for name in packages:
        top = sys.modules.get(name.partition(".")[0])
        if top is not None and getattr(top, "__file__", None):
            yield from _files(Path(str(top.__file__)), is_package=hasattr(top, "__path__"))


def _own() -> Iterator[Path]:
    folders = [Path(folder).resolve() for folder in installed()]
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "")
        own = file.suffix == ".py" and not any(folder in file.resolve().parents for folder in folders)
        if own:
            yield from _files(file, is_package=hasattr(module, "__path__") and "." not in name)


def _files(file: Path, is_package: bool) -> Iterable[Path]:
    return file.resolve().parent.rglob("*.py") if is_package else [file.resolve()]
