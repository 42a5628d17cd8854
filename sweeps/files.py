"""Files that several processes share: written as a whole or not at all, changed by one at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["DiskFullError", "locked", "overwrite", "read_json", "write", "write_json"]


class DiskFullError(ValueError):
    """There is no room for a file; the message names it."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of this name; others wait. It is gone with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write(path: Path, text: str) -> None:
    """Write a file; readers see the old one or the new one, never a half."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        try:
            unfinished.write_text(text)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(text)
        os.replace(unfinished, path)
    except BaseException as error:
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"{path}: {error.strerror}. Make room: nothing that was finished is lost") from error
        raise


def overwrite(path: Path, text: str) -> None:
    """Write a file in its place, for which a full disk has room where it has none for a new one."""
    with path.open("r+") as file:
        file.write(text)
        file.truncate()


def write_json(path: Path, content: Any) -> None:
    """Write plain values as JSON."""
    write(path, json.dumps(content) + "\n")


def read_json(path: Path) -> Any:
    """Return what a JSON file holds, None if it is not there.

    Raises:
        ValueError: it is damaged; the message names it.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
