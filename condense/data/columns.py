"""Tables with named columns: the column y is the target, every other one an input."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from condense.data.dataset import Array, Dataset

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_names", "from_columns", "from_frame"]

INDEX = {"id", "idx", "index", "row", "level_0"}
"""Names of columns that number the rows."""


def check_names(names: Sequence[str], source: str) -> None:
    """Refuse names of which it is not clear which column is the target and which are inputs.

    Raises:
        ValueError: a column without a name, a name twice, no column y, or no other.
    """
    columns = f"{source}: has the columns {', '.join(names)}"
    if nameless := [place for place, name in enumerate(names, 1) if not name or re.fullmatch(r"Unnamed: \d+", name)]:
        raise ValueError(
            f"{source}: column {nameless[0]} has no name; an index perhaps, which would become an input (write the "
            "file with to_csv(..., index=False)), or a separator too many at the end of the lines"
        )
    if repeated := [name for name in names if names.count(name) > 1 or re.fullmatch(r"y\.\d+", name)]:
        raise ValueError(f"{columns}: {repeated[-1]} repeats a name; leave one of them out, or rename it")
    if "y" not in names or len(names) < 2:
        raise ValueError(f"{columns}; expected a column y and at least one other, an input{_advice(names)}")


def _advice(names: Sequence[str]) -> str:
    if "Y" in names:
        return "; rename Y to y if it is the target"
    if names and all(re.fullmatch(r"[-+.,eE\d]+", name) for name in names):
        return "; these are numbers, so names are missing: a first line such as x,y"
    return ""


def from_columns(names: Sequence[str], values: Array, name: str, source: str, lines: tuple[int, ...] = ()) -> Dataset:
    """Return the data set of columns: values of shape (n, columns)."""
    for column, numbers in zip(names, values.T, strict=True):
        if column.lower() in INDEX and _numbering(numbers):
            raise ValueError(
                f"{source}: the column {column} seems to number the rows, and would become an input; leave it out, or "
                "rename it if it is one"
            )
    target = list(names).index("y")
    return Dataset(np.delete(values, target, axis=1), values[:, target], name, lines)


def _numbering(numbers: Array) -> bool:
    return bool((numbers % 1 == 0).all()) and len(np.unique(numbers)) == len(numbers)


def from_frame(frame: pd.DataFrame, name: str, source: str) -> Dataset:
    """Return the data set of a DataFrame of numbers, whose index must be unnamed: it is not used.

    Raises:
        ValueError: names or values of which it is not clear what they stand for.
    """
    import pandas as pd

    names = [str(column) for column in frame.columns]
    check_names(names, source)
    if named := [str(level) for level in frame.index.names if level is not None]:
        raise ValueError(
            f"{source}: the index {', '.join(named)} has a name, and no index becomes an input; reset_index() makes it "
            "a column, reset_index(drop=True) leaves it out"
        )
    columns = []
    for place, column in enumerate(names):
        series = frame.iloc[:, place]
        if not pd.api.types.is_numeric_dtype(series.dtype) or pd.api.types.is_complex_dtype(series.dtype):
            raise ValueError(f"{source}: the column {column} holds {series.dtype}; allowed are real numbers")
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        _check_finite(numbers, frame.index, column, source)
        columns.append(numbers)
    return from_columns(names, np.column_stack(columns), name, source)


def _check_finite(numbers: NDArray[np.float64], index: pd.Index, column: str, source: str) -> None:
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise ValueError(
            f"{source}: the column {column} is {numbers[bad[0]]} at index {index[bad[0]]}, and NaN or infinite in "
            f"{len(bad)} of {len(numbers)} rows"
        )
