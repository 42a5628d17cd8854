"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["replacing"]

FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up", errno.EFBIG: "it grew too large"}
"""What no space left looks like."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the body a path to write, and put what it wrote in place of `path`: readers never see a half.

    Raises:
        OSError: it cannot be written; the old file stands and nothing else is left.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        if error.errno not in FULL:
            raise
        advice = "free some space, and run the same command again: what is written is kept"
        raise OSError(error.errno, f"{FULL[error.errno]}: {advice}", str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)
