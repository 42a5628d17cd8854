"""The scratch folder: checkpoints of batches that take long or were interrupted, until their runs are on disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from condense import records
from condense.runs.batches import Batch, Member
from condense.runs.checkpoint import Checkpoint, CheckpointError

__all__ = ["Scratch"]


class Scratch:
    """Checkpoints in a folder that several processes may share; without a folder it does nothing.

    A file names its runs and, for each, the folder its record belongs to, relative to its own: so any process can
    tell when it has served, however the runs are packed then.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._files: dict[Path, Checkpoint] = {}  # those with runs of ours, older first

    def find(self, wanted: Iterable[Member]) -> list[tuple[Checkpoint, list[Member]]]:
        """Return the checkpoints that hold wanted runs, with these runs; each run once, from its newest."""
        left: dict[str, Member] = {}
        for member in wanted:
            left.setdefault(member.key, member)
        self._files = {path: each for path, each in self._readable() if left.keys() & set(each.keys)}
        newest_first = reversed(self._files.items())
        found = [(checkpoint, list(_taken(path, checkpoint, left))) for path, checkpoint in newest_first]
        return [(checkpoint, runs) for checkpoint, runs in found if runs]

    def _readable(self) -> Iterator[tuple[Path, Checkpoint]]:
        paths = self._folder.glob("*.npz") if self._folder else ()
        for path in sorted(paths, key=_age):
            try:
                yield path, Checkpoint.read(path)
            except CheckpointError as error:
                warnings.warn(f"{error}: its runs start anew", stacklevel=2)

    def save(self, rest: Sequence[Batch], folders: Sequence[Path]) -> None:
        """Write the state of batches in training; a disk that is full is told by a warning."""
        if self._folder is None:
            return
        for batch in rest:
            if batch.source is not None:
                self._write(batch, [os.path.relpath(folders[member.job], self._folder) for member in batch.members])

    def _write(self, batch: Batch, folders: Sequence[str]) -> None:
        assert self._folder is not None
        assert batch.source is not None
        source, keys = batch.source, batch.keys
        checkpoint = Checkpoint(keys, tuple(folders), lambda: source.of(keys), batch.problem.origin)
        path = self._folder / f"{hashlib.sha256(''.join(keys).encode()).hexdigest()[:16]}.npz"
        try:
            checkpoint.write(path)
        except OSError as error:
            warnings.warn(f"no checkpoint was written: {error}", stacklevel=2)
            return
        self._files.pop(path, None)
        self._files[path] = Checkpoint.read(path)

    def tidy(self, missing: Collection[str]) -> None:
        """Remove the files whose runs are all on disk or in a newer file of ours, given what we still miss."""
        newer: set[str] = set()
        for path, checkpoint in reversed(list(self._files.items())):
            older = set(checkpoint.keys) - newer
            if older.isdisjoint(missing) and self._on_disk(checkpoint, older):
                self._remove(path)
            newer |= older

    def _remove(self, path: Path) -> None:
        del self._files[path]
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # files of other processes are in there
            path.parent.rmdir()

    def _on_disk(self, checkpoint: Checkpoint, keys: set[str]) -> bool:
        assert self._folder is not None
        folders = {folder for key, folder in zip(checkpoint.keys, checkpoint.folders, strict=True) if key in keys}
        for folder in folders:
            held = records.held(self._folder / folder / records.FILE)
            keys = keys - {key for key, (status, _) in held.items() if status != "failed"}
        return not keys


def _taken(path: Path, checkpoint: Checkpoint, left: dict[str, Member]) -> Iterator[Member]:
    """Take from the runs that are left those that a checkpoint of the code as it is now holds."""
    of_other_code = 0
    for key in checkpoint.keys:
        if key in left and left[key].problem.origin == checkpoint.origin:
            yield left.pop(key)
        else:
            of_other_code += key in left
    if of_other_code:
        warnings.warn(f"{path}: a checkpoint of other code; {of_other_code} runs start anew", stacklevel=2)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # served by now, for another process
        return 0.0
