"""What a user may have meant: the nearest right name for a mistyped key or choice on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from condense.registry import nearest

__all__ = ["hints"]


def hints(arguments: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Return a line for every argument key=value whose key or choice is not known, where a known one is near."""
    groups = _groups(folders)
    keys = {*groups, *_keys(folders)}
    return [hint for argument in arguments if (hint := _hint(argument, groups, keys))]


def _hint(argument: str, groups: dict[str, set[str]], keys: set[str]) -> str:
    key, separator, value = argument.lstrip("+~").partition("=")
    if not separator or key.startswith("hydra"):
        return ""
    if key in groups:
        wrong = [choice for choice in value.split(",") if choice not in groups[key]]
        guesses = [(choice, nearest(choice, groups[key])) for choice in wrong]
        return "; ".join(f"{key}={choice} is not known{guess}" for choice, guess in guesses if guess)
    guess = nearest(key, keys)
    return f"{key} is not a key of the config{guess}" if key not in keys and guess else ""


def _groups(folders: Sequence[Path]) -> dict[str, set[str]]:
    """Return the choices of every config group."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for file in folder.glob("*/**/*.yaml"):
            group = file.parent.relative_to(folder).as_posix()
            found.setdefault(group, set()).add(file.stem)
    return found


def _keys(folders: Sequence[Path]) -> Iterator[str]:
    """Return the dotted keys of the config."""
    for folder in folders:
        for file in folder.rglob("*.yaml"):
            group = file.parent.relative_to(folder).as_posix()
            content = yaml.safe_load(file.read_text())
            for key in content if isinstance(content, dict) else ():
                if key not in ("defaults", "hydra"):
                    yield key if group in (".", "experiment") else f"{group}.{key}"
