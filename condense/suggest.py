"""What a user may have meant: the nearest right name for a mistyped key or choice on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from condense.registry import nearest

__all__ = ["groups_given_values", "hints", "long_numbers"]

DIGITS = 308
"""Of the largest number that floating point holds: Hydra does not survive one that has more."""


def hints(arguments: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Return a line for every argument key=value whose key or choice is not known, where a known one is near."""
    groups, defaults = _groups(folders), dict(_defaults(folders))
    return [hint for argument in arguments if (hint := _hint(argument, groups, defaults))]


def groups_given_values(arguments: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Return a line for every group of keys that is given a list, a number or null, which Hydra does not survive."""
    pairs = [argument.lstrip("+").partition("=") for argument in arguments]
    groups = [(key, value) for key, _, value in pairs if _is_group(key, folders)]
    return [
        f"{key}={value}: {key} is a group of keys; {_example(key, value, folders)}"
        for key, value in groups
        if value.startswith("[") or not all(_is_name(choice) for choice in value.split(","))
    ]


def long_numbers(arguments: Sequence[str]) -> list[str]:
    """Return a line for every argument with a number that floating point cannot hold."""
    found = [(each.partition("=")[0], re.search(rf"\d{{{DIGITS + 1},}}", each)) for each in arguments]
    long = [(key, len(number[0])) for key, number in found if number]
    return [f"{key} has a number of {digits} digits; allowed are at most {DIGITS}" for key, digits in long]


def _is_group(key: str, folders: Sequence[Path]) -> bool:
    named = all(part.isidentifier() for part in key.split("/"))
    return named and any((folder / key).is_dir() for folder in folders)


def _is_name(choice: str) -> bool:
    """Whether Hydra takes this for a name, or else for keys of the group."""
    return choice.strip().lower() not in ("null", "true", "false") and not _is_number(choice)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _example(group: str, value: str, folders: Sequence[Path]) -> str:
    lists = [key for key, default in _defaults(folders) if key.startswith(f"{group}.") and isinstance(default, list)]
    if lists and value.startswith("["):
        return f"set one of them, such as {lists[0]}={value}"
    return f"choose it by name, {group}={'|'.join(sorted(_groups(folders)[group]))}"


def _hint(argument: str, groups: dict[str, set[str]], defaults: dict[str, Any]) -> str:
    key, separator, value = argument.lstrip("+~").partition("=")
    if not separator or key.startswith("hydra"):
        return ""
    if key in groups:
        wrong = [choice for choice in value.split(",") if choice not in groups[key]]
        guesses = [(choice, nearest(choice, groups[key])) for choice in wrong]
        return "; ".join(f"{key}={choice} is not known{guess}" for choice, guess in guesses if guess)
    if key in defaults:
        one = isinstance(defaults[key], list) and not value.startswith("[")
        return f"{key} takes a list, such as {key}=[{value}]" if one else ""
    guess = nearest(key, [*groups, *defaults])
    return f"{key} is not a key of the config{guess}" if guess else ""


def _groups(folders: Sequence[Path]) -> dict[str, set[str]]:
    """Return the choices of every config group."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for file in folder.glob("*/**/*.yaml"):
            group = file.parent.relative_to(folder).as_posix()
            found.setdefault(group, set()).add(file.stem)
    return found


def _read(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None


def _defaults(folders: Sequence[Path]) -> Iterator[tuple[str, Any]]:
    """Return the dotted keys of the config with a value of each."""
    for folder in folders:
        for file in folder.rglob("*.yaml"):
            group = file.parent.relative_to(folder).as_posix()
            content = _read(file)
            for key, value in content.items() if isinstance(content, dict) and group != "experiment" else ():
                if key not in ("defaults", "hydra"):
                    yield (key if group == "." else f"{group}.{key}"), value
