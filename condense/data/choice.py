"""Which data a user means: by name, by the path of a file, or as arrays."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from condense import registry, schema
from condense.data.dataset import Dataset
from condense.data.files import read_file

__all__ = ["choice", "load"]

ALLOWED = (
    "the name of a data set, the path of a file, (x, y), {'x': x, 'y': y}, a DataFrame with a column y, a "
    "condense.schema.Data(...) or a condense.data.Dataset(...)"
)


def choice(data: Any) -> schema.Data | Dataset:
    """Return what an argument `data` stands for.

    Texts with a dot or a slash in them are paths, others names. Of a DataFrame the column y is the target, every other
    column an input, and the index is not used.

    Raises:
        ValueError: it is not clear what is meant.
    """
    if isinstance(data, schema.Data | Dataset):
        return data
    if isinstance(data, str) and not ("." in data or os.sep in data):
        return schema.Data(name=data)
    if isinstance(data, str | os.PathLike):
        return schema.Data(path=os.fsdecode(data))
    if isinstance(data, Mapping):
        return _of_mapping(data)
    if isinstance(data, tuple | list) and len(data) == 2:
        return _pair(*data)
    if hasattr(data, "iloc") and getattr(data, "ndim", 0) == 2:
        from condense.data.columns import from_frame

        return from_frame(data, "DataFrame", "data")
    raise ValueError(f"data is {_described(data)}; allowed are {ALLOWED}")


def _of_mapping(data: Mapping[Any, Any]) -> Dataset:
    if set(data) not in ({"x", "y"}, {"x", "y", "x_test", "y_test"}):
        keys = ", ".join(map(str, data)) or "none"
        raise ValueError(
            f"data has the keys {keys}; allowed are x, of shape (n, d), and y, of shape (n,), and of a test set x_test "
            "and y_test"
        )
    pair = _pair(data["x"], data["y"])
    return replace(pair, x_test=data["x_test"], y_test=data["y_test"]) if "x_test" in data else pair


def _pair(x: Any, y: Any) -> Dataset:
    if hasattr(x, "iloc") and hasattr(y, "iloc") and not x.index.equals(y.index):
        raise ValueError(
            "data: x and y have different indices, and rows are taken in order; to_numpy() of both says so"
        )
    return Dataset(x, y)


def _described(data: Any) -> str:
    if isinstance(data, type):
        return f"the class {data.__name__}"
    if isinstance(data, tuple | list):
        return f"a {type(data).__name__} of length {len(data)}"
    if hasattr(data, "shape"):
        return f"one array of shape {tuple(data.shape)}, of which it is not known what is the target"
    return f"{data!r:.80}" if data is None or isinstance(data, int | float) else f"of type {type(data).__name__}"


def load(config: schema.Data) -> Dataset:
    """Return the data set of a config: a user's file by its path, else a known data set by its name.

    Relative paths start from the working directory. Jobs of one grid share one Dataset: a file is read again only if it
    changed.
    """
    data = _known(config.name, config.samples, config.seed) if config.path is None else _read(config.path)
    if config.test is None:
        return data
    return _with_test(
        data, _read(config.test, "data.test") if isinstance(config.test, str) else config.test, config.seed
    )


@functools.lru_cache(maxsize=16)
def _with_test(data: Dataset, test: Dataset | float, seed: int) -> Dataset:
    """Return data with a test set: other data, or a share of them."""
    if not isinstance(test, Dataset):
        return data.split(test, seed)
    if data.x_test is not None:
        raise ValueError(f"data.test = {test.name!r} beside the test set that {data.name} has: leave it out")
    return replace(data, x_test=test.x, y_test=test.y)


def _read(given: str, key: str = "data.path") -> Dataset:
    path = os.path.expanduser(given)
    try:
        file = os.stat(path)
        version = file.st_mtime_ns, file.st_size
    except (OSError, ValueError):  # reading it tells why
        version = None
    return _read_once(Path(path).absolute(), version, given, key)


@functools.lru_cache(maxsize=16)
def _known(name: str, samples: int | None, seed: int) -> Dataset:
    draw = registry.resolve("data", name, "data.name")
    options = {"seed": seed} if samples is None else {"samples": samples, "seed": seed}
    return draw(**{key: options[key] for key in registry.DATA[name] if key in options})  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=4)
def _read_once(path: Path, version: tuple[int, int] | None, given: str, key: str) -> Dataset:
    return read_file(given, key)
