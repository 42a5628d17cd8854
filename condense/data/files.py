"""Data files of the user's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from condense.data.columns import from_frame
from condense.data.dataset import Dataset
from condense.data.text import read_text

__all__ = ["read_file"]

PICKLE = "may hold a pickle, which runs code when it is read: np.savez('my.npz', x=..., y=...) writes the arrays alone"

ADVICE: Mapping[str, str] = {
    ".npy": "holds one array, of which it is not known what is the target: np.savez('my.npz', x=a[:, :-1], y=a[:, -1])",
    **dict.fromkeys([".pt", ".pth", ".pkl", ".pickle", ".joblib"], PICKLE),
}
"""What to do with files of other kinds."""


def read_file(path: str | Path, key: str = "data.path") -> Dataset:
    """Return a user's data; `key` is the setting that names the file, for messages.

    An .npz has arrays x of shape (n, d) or (n,) and y of shape (n,) or (n, 1), for modules of torch of more dimensions,
    and x_test and y_test if there is a test set. A text table (.csv, .tsv, either with
    .gz) or a .parquet has a column y, and every other column is an input.

    Raises:
        ValueError: no such file, another kind of file, or data of which it is not clear what is meant.
    """
    path = Path(os.path.expanduser(path))
    source = f"{key} = {str(path)!r}"
    read = _reader(path, source)
    try:
        if path.is_dir():
            raise ValueError(f"{source}: a folder; give a file in it")
        if not path.is_file():
            raise ValueError(f"{source}: no such file (looked for {path.absolute()})")
        return read(path, source)
    except OSError as error:
        raise ValueError(f"{source}: cannot be read ({error.strerror or error})") from error


def _reader(path: Path, source: str) -> Callable[[Path, str], Dataset]:
    name = path.name.lower().removesuffix(".gz")
    ending = Path(name).suffix
    readers = {".npz": _read_npz, ".parquet": _read_parquet, ".csv": read_text, ".tsv": read_text}
    if ending not in readers or (path.suffix.lower() == ".gz" and readers[ending] is not read_text):
        advice = ADVICE.get(ending, "")
        raise ValueError(
            f"{source}: {f'a {ending} file {advice}; ' if advice else ''}the file must end in .npz (arrays x, y), "
            "or in .csv, .csv.gz, .tsv or .parquet (a column y)"
        )
    return readers[ending]


def _read_npz(path: Path, source: str) -> Dataset:
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)
            arrays = {name: archive[name] for name in ("x", "y", "x_test", "y_test") if name in names}
    except Exception as error:  # numpy raises a handful of kinds for a file that is no archive
        raise ValueError(f"{source}: not a readable .npz file with arrays of numbers ({error})") from error
    absent = [name for name in ("x", "y") if name not in arrays]
    if absent:
        raise ValueError(
            f"{source}: no array {' and '.join(absent)}; it holds {', '.join(names) or 'nothing'}, "
            "expected x of shape (n, d) and y of shape (n,)"
        )
    return Dataset(**arrays, name=path.name)


def _read_parquet(path: Path, source: str) -> Dataset:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # pyarrow has errors of many kinds for a file that is damaged
        raise ValueError(f"{source}: not a readable .parquet file ({error})") from error
    return from_frame(frame, path.name, source)
