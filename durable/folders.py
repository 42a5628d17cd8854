"""Folders that one process alone has made."""

from __future__ import annotations

from itertools import count
from pathlib import Path

__all__ = ["new_folder"]


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
