"""Which source files code of the user's is made of: its module's, and those of the user's modules that this imports.

A file is the user's if it belongs neither to Python, nor to site-packages, nor to condense. No torch here.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from front_door.names import PACKAGES
from front_door.paths import ROOT

__all__ = ["ChangedSinceImportError", "digest", "house", "is_live", "is_own", "of_modules"]

INSTALLED = {"site-packages", "dist-packages"}

SESSIONS = ("__main__", "__mp_main__")
"""What Python calls the script, notebook or session that it was started with."""


class ChangedSinceImportError(ValueError):
    """The file of a module is not what Python has in memory."""


def digest(content: bytes) -> str:
    """Return the hash by which code is told apart, 12 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:12]


def of_modules(names: Iterable[str]) -> dict[str, str]:
    """Return the hashes of the user's modules among these, and of all that they import, by name.

    Raises:
        ChangedSinceImportError: a file was edited since this process imported it.
    """
    hashes: dict[str, str] = {}
    waiting, seen = sorted(names), set[str]()
    while waiting:
        for module in _with_parents(waiting.pop()):
            if module not in seen and is_own(module):
                hashes[module], imports = _read(module)
                waiting += imports
            seen.add(module)
    return dict(sorted(hashes.items()))


@functools.cache
def house() -> str:
    """Return the hash of the code of condense."""
    package = Path(__file__).parent.parent
    files = {str(file.relative_to(package)): digest(file.read_bytes()) for file in sorted(package.rglob("*.py"))}
    return digest(repr(files).encode())


def is_own(name: str) -> bool:
    """Whether a module is the user's, and in a file."""
    file = _file(name)
    return file is not None and _is_own_file(file)


def is_live(name: str) -> bool:
    """Whether a module is a notebook, a script or a session: code that changes while it runs, or is in no file."""
    if name in SESSIONS:
        return True
    top = name.partition(".")[0]
    return top not in sys.stdlib_module_names and _file(name) is None and _spec(top) is None


def _with_parents(name: str) -> list[str]:
    """Return a module and the packages it lies in; nothing of what is installed."""
    parts = name.split(".")
    if _file(parts[0]) is not None and not is_own(parts[0]):
        return []
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _file(name: str) -> Path | None:
    """Return the file of a module that is not a session, None for one that is built in or not there."""
    spec = None if name in SESSIONS else _spec(name)
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _spec(name: str) -> ModuleSpec | None:
    if name in sys.modules:
        return getattr(sys.modules[name], "__spec__", None)
    try:
        return importlib.util.find_spec(name)
    except Exception:  # what the package above raises when it is imported
        return None


@functools.cache
def _is_own_file(file: Path) -> bool:
    python = (Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib"))
    foreign = [*python, *(ROOT / name for name in PACKAGES)]
    path = file.resolve()
    return not INSTALLED & set(path.parts) and not any(path.is_relative_to(folder) for folder in foreign)


def _read(module: str) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a module's file, and the names that it may import."""
    file = _file(module)
    assert file is not None
    package = module if file.name.startswith("__init__.") else module.rpartition(".")[0]
    try:
        about = file.stat()
        hashed, imports = _parsed(file, package, about.st_mtime_ns, about.st_size)
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}), so the code in it cannot be identified") from error
    _check_in_memory(module, file, hashed)
    return hashed, imports


@functools.lru_cache(1024)
def _parsed(file: Path, package: str, changed: int, size: int) -> tuple[str, tuple[str, ...]]:
    """Return the hash and the imports of a file as it was then: a grid of jobs asks as often as it has points."""
    content = file.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # compiled, or a module that is imported under a condition that does not hold
        return digest(content), ()
    return digest(content), tuple(sorted({name for node in ast.walk(tree) for name in _imports(node, package)}))


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    """Return the modules that a statement may import."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        try:
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package or None)
        except ImportError:  # beyond the package
            return
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


_in_memory: dict[str, tuple[ModuleSpec | None, str]] = {}
"""The hash that the file of a module had when it was first looked at, and what Python loaded it by."""


def _check_in_memory(module: str, file: Path, hashed: str) -> None:
    """Refuse a file that is not what was there when its module, as it is in memory, was first looked at."""
    if module not in sys.modules:
        return
    spec = sys.modules[module].__spec__
    before, first = _in_memory.setdefault(module, (spec, hashed))
    if before is not spec:
        _in_memory[module] = spec, hashed
    elif first != hashed:
        raise ChangedSinceImportError(
            f"{file} has changed since this process imported it, and the old code is what would run: restart Python, "
            f"or importlib.reload({module}) and make its objects anew"
        )
