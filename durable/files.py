"""Files that several processes share: there whole or not at all, after a crash too; changed by one at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any

__all__ = ["DiskFullError", "locked", "overwrite", "read_json", "replacing", "together", "write", "write_json"]

FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up", errno.EFBIG: "it grew too large"}
"""What no space left looks like."""

NO_FLOCK = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
"""What a file system without flock answers."""

NO_FOLDER_SYNC = {errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF}
"""What a file system answers whose folders need no fsync."""

PATIENCE = 600.0
"""Seconds to wait for a lock that is a file: its holder may have died on another machine."""

AT_ONCE = 32
"""Files synced at the same time: disks take many in one go."""


class DiskFullError(OSError, ValueError):
    """There is no room for a file; the message names it."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the body a path to write, and put what it wrote in place of `path`: readers never see a half.

    Raises:
        DiskFullError: there is no room; the old file stands and nothing else is left.
    """
    unfinished = _unfinished(path)
    waiting = _TOGETHER.get()
    try:
        with _told_if_full(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield unfinished
        if waiting is None:
            _put([(unfinished, path)])
        else:
            waiting.append((unfinished, path))
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Put all files that the body writes in their places at its end: on the disk sooner than one by one.

    Those that were written whole before an error are put there too.
    """
    written: list[tuple[Path, Path]] = []
    token = _TOGETHER.set(written)
    try:
        yield
    finally:
        _TOGETHER.reset(token)
        _put(written)


def write(path: Path, text: str) -> None:
    """Write a file; readers see the old one or the new one, never a half."""
    with replacing(path) as unfinished:
        unfinished.write_text(text)


def overwrite(path: Path, text: str) -> None:
    """Write a file in its place, for which a full disk has room where it has none for a new one."""
    with path.open("r+") as file:
        file.write(text)
        file.truncate()


def write_json(path: Path, content: Any) -> None:
    """Write plain values as JSON."""
    write(path, json.dumps(content) + "\n")


def read_json(path: Path, made: Callable[[Any], Any] = lambda plain: plain) -> Any:
    """Return what a JSON file holds, None if it is not there.

    Args:
        path: of the file.
        made: makes of plain values what is returned.

    Raises:
        ValueError: it is damaged, or holds what nothing can be made of; the message names it.
    """
    try:
        text = path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    try:
        return made(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        told = error if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} is damaged: {told}") from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of this name; others wait. It is gone with the process, however that ends.

    Where the file system has no flock the lock is a file beside it, which others remove if its process, on the same
    machine, is gone.

    Raises:
        TimeoutError: such a file stays; the message names it and its process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        file = held.enter_context(path.open("w"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in NO_FLOCK:
                raise
            _tell_no_flock(path.parent, os.strerror(error.errno))
            held.enter_context(_lock_file(path.with_name(f"{path.name}.held")))
        yield


_TOGETHER: ContextVar[list[tuple[Path, Path]] | None] = ContextVar("together", default=None)


def _unfinished(path: Path) -> Path:
    """Return a name that no other writer has: of this host, process and thread."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}")


def _put(written: Sequence[tuple[Path, Path]]) -> None:
    """Put files in the places of others: what is in them is on the disk before, and the change of names at the end."""
    try:
        _for_all(_sync_file, written)
        for unfinished, path in written:
            os.replace(unfinished, path)
        _for_all(_sync_folder, {path.parent for _, path in written})
    finally:
        for unfinished, _ in written:
            unfinished.unlink(missing_ok=True)


def _for_all(sync: Callable[[Any], None], things: Collection[Any]) -> None:
    if len(things) < 2:
        list(map(sync, things))
        return
    with ThreadPoolExecutor(min(len(things), AT_ONCE)) as threads:
        list(threads.map(sync, things))


def _sync_file(pair: tuple[Path, Path]) -> None:
    unfinished, path = pair
    with _told_if_full(path):  # which some file systems notice only now
        _fsync(unfinished)


def _sync_folder(folder: Path) -> None:
    try:
        _fsync(folder)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise


def _fsync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def _told_if_full(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        advice = "free some space, and run the same command again: what is written is kept"
        raise DiskFullError(error.errno, f"{FULL[error.errno]}: {advice}", str(path)) from error


@functools.cache
def _tell_no_flock(folder: Path, answer: str) -> None:
    print(f"{folder}: no flock on its file system ({answer}): locks are files there", file=sys.stderr)


@contextlib.contextmanager
def _lock_file(path: Path) -> Iterator[None]:
    from filelock import SoftFileLock, Timeout

    try:
        lock = SoftFileLock(path, timeout=PATIENCE).acquire()
    except Timeout as error:
        process = " on ".join(path.read_text().split()[:2])
        raise TimeoutError(
            f"{path} has been held for {PATIENCE:g} s, by process {process}: if that is gone, remove the file, and run "
            "the same command again"
        ) from error
    with lock:
        yield
