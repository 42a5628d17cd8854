"""Folders for output: whether they can be made, and ones that one process alone has made."""

from __future__ import annotations

import os
import tempfile
from itertools import count
from pathlib import Path

__all__ = ["NAME_MAX", "new_folder", "refuse_unusable"]

NAME_MAX = 255
"""Bytes of the longest name that common file systems take."""


def refuse_unusable(key: str, folder: Path) -> None:
    """Refuse a folder that nothing can be written to, or that cannot be made. It is not made here.

    Raises:
        ValueError: the message names the key that chose it, the folder, and what stands in the way.
    """
    reason = _obstacle(folder)
    if reason:
        raise ValueError(f"{key} = {str(folder)!r} is not allowed: a folder to write to; {reason}")


def new_folder(folder: Path) -> Path:
    """Return a folder that was not there and now is: the one named, else the first of folder_2, folder_3, ..

    Raises:
        OSError: it cannot be made.
    """
    for number in count(1):
        made = folder if number == 1 else folder.with_name(f"{folder.name}_{number}")
        try:
            made.mkdir(parents=True)
        except FileExistsError:
            if made.parent.is_dir():
                continue
            raise
        return made
    raise AssertionError


def _obstacle(folder: Path) -> str:
    """Return why nothing can be written to a folder, nothing if it can."""
    for name in folder.parts:
        if len(os.fsencode(name)) > NAME_MAX:
            return f"a name has at most {NAME_MAX} bytes"
        if "\0" in name:
            return "a name has no zero byte"
    there = next(each for each in (folder, *folder.absolute().parents) if os.path.lexists(each))
    if not there.is_dir():
        return f"{there} is not a folder"
    try:
        with tempfile.TemporaryDirectory(prefix=".condense-", dir=there):
            return ""
    except OSError as error:
        return f"{there}: {error.strerror}"
