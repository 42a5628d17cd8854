"""Where runs of a batch were: their state as numpy arrays by name, in memory or in a file without pickle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condense.flows.base import Saved
from condense.networks.low_rank import LowRank
from durable import files

__all__ = ["Arrays", "Checkpoint", "CheckpointError", "arrays", "restored"]

Arrays = dict[str, NDArray[Any]]
"""Parts of a state by dotted name, runs on the leading axis."""


HEAD = ("keys", "folders", "origin")
"""What a file holds besides the state."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be used: damaged, or of other code."""


@dataclass(frozen=True)
class Checkpoint:
    """The keys of some runs, the folder each belongs to, and what gives the state of all of them in this order.

    `origin` is the code that made the state, see `condense.runs.problem.Problem.origin`.
    """

    keys: tuple[str, ...]
    folders: tuple[str, ...]
    load: Callable[[], Arrays]
    origin: str = ""

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Return the checkpoint of a file, the state unread yet.

        Raises:
            CheckpointError: it is damaged.
        """
        head = _read(path, HEAD)
        keys, folders = (tuple(head[name].tolist()) for name in ("keys", "folders"))
        return cls(keys, folders, lambda: _read(path), str(head["origin"]))

    def write(self, path: Path) -> None:
        """Write it to a file, atomically.

        Raises:
            OSError: there is no space left, say.
        """
        with files.replacing(path) as unfinished, unfinished.open("wb") as file:
            head = {"keys": np.array(self.keys), "folders": np.array(self.folders), "origin": np.array(self.origin)}
            np.savez(file, **{**head, **self.load()})  # type: ignore[arg-type]

    def of(self, keys: Sequence[str]) -> Arrays:
        """Return the state of some of its runs.

        Raises:
            CheckpointError: it is damaged.
        """
        place = {key: number for number, key in enumerate(self.keys)}
        chosen = [place[key] for key in keys]
        return {name: values[chosen] for name, values in self.load().items() if name not in HEAD}


def _read(path: Path, names: Sequence[str] | None = None) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in names or archive.files}
    except MemoryError:
        raise
    except Exception as error:  # zipfile and numpy raise half a dozen kinds for a damaged file
        raise CheckpointError(f"{path}: not a readable checkpoint ({error})") from error


def arrays(saved: Saved) -> Arrays:
    """Return the tensors of nested dicts and tuples as arrays by dotted name.

    >>> arrays({"theta": (torch.zeros(1), torch.ones(1))})
    {'theta.0': array([0.], dtype=float32), 'theta.1': array([1.], dtype=float32)}
    """
    return dict(_named(saved, ""))


def _named(tree: Any, name: str) -> list[tuple[str, NDArray[Any]]]:
    if isinstance(tree, Tensor):
        return [(name, tree.cpu().numpy())]
    if isinstance(tree, LowRank):
        tree = tree.parts
    branches = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return [pair for key, branch in branches for pair in _named(branch, _below(name, key))]


def restored(like: Saved, values: Arrays) -> Saved:
    """Return arrays by dotted name as tensors in the nested dicts and tuples of `like`, of its shapes and kinds.

    Raises:
        CheckpointError: an array is missing or has another shape.
    """
    return _filled(like, values, "")  # type: ignore[no-any-return]


def _filled(like: Any, values: Arrays, name: str) -> Any:
    if isinstance(like, dict):
        return {key: _filled(branch, values, _below(name, key)) for key, branch in like.items()}
    if isinstance(like, tuple):
        return tuple(_filled(branch, values, _below(name, key)) for key, branch in enumerate(like))
    if isinstance(like, LowRank):
        rows = values.get(_below(name, "p"))
        return LowRank(**_filled(like.padded(0 if rows is None else rows.shape[2]).parts, values, name))
    if name not in values or values[name].shape != like.shape:
        raise CheckpointError(f"a checkpoint without {name!r} of shape {tuple(like.shape)}: of other code, it seems")
    return torch.as_tensor(values[name]).to(like)


def _below(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)
