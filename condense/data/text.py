"""Text tables: a header line, then numbers, separated by commas, semicolons, tabs or spaces."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from condense.data.columns import check_names, from_columns
from condense.data.dataset import Array, Dataset

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_text"]

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}

Record = tuple[int, list[str]]
"""The fields of a record, and the line it ends on, counted from 1 as editors do."""


def read_text(path: Path, source: str) -> Dataset:
    """Return the data set of a text table, gzipped or not, with a header line; `source` is what messages call it.

    The separator is the one by which a column of the header is called y; spaces separate where no other does.

    Raises:
        ValueError: what is not clear, with line and column.
    """
    text = _decoded(path, source)
    header, *records = _records(text, source)
    names = [name.strip() for name in header[1]]
    check_names(names, source)
    for line, fields in records:
        if len(fields) != len(names):
            raise ValueError(
                f"{source}: line {line} has {len(fields)} fields and the header {len(names)}: {', '.join(names)}; "
                "every line needs a value for every name"
            )
    lines = tuple(line for line, _ in records)
    return from_columns(names, _numbers(names, records, source), path.name, source, lines)


def _decoded(path: Path, source: str) -> str:
    content = path.read_bytes()
    try:
        return (gzip.decompress(content) if path.suffix.lower() == ".gz" else content).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{source}: line {line} is not UTF-8 (byte 0x{error.object[error.start]:02x}); save the file as UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{source}: not a readable .gz file ({error})") from error


def _records(text: str, source: str) -> list[Record]:
    """Return the records that are not blank, the header first."""
    header = next((line for line in io.StringIO(text, newline="") if line.strip()), None)
    if header is None:
        raise ValueError(f"{source}: the file is empty; expected a header line with a column y, and numbers below it")
    separator = _separator(header, source)
    lines = io.StringIO(text, newline="")
    if separator is None:
        return [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    try:
        return [(reader.line_num, fields) for fields in reader if len(fields) > 1 or "".join(fields).strip()]
    except csv.Error as error:
        raise ValueError(f"{source}: line {reader.line_num} cannot be read ({error})") from error


def _separator(header: str, source: str) -> str | None:
    """Return what separates the names of a header, None for spaces."""
    present = [mark for mark in SEPARATORS if mark in header]
    fitting = [mark for mark in present if "y" in _names(header, mark)] or present
    if len(fitting) > 1:
        marks = " or ".join(SEPARATORS[mark] for mark in fitting)
        raise ValueError(f"{source}: line 1 is separated by {marks}? {header.strip()!r} can be read either way")
    return fitting[0] if fitting else None


def _names(header: str, separator: str) -> list[str]:
    try:
        [fields] = csv.reader([header], delimiter=separator, skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        return []
    return [name.strip() for name in fields]


def _numbers(names: list[str], records: list[Record], source: str) -> Array:
    """Return the numbers of records, shape (records, names)."""
    import pandas as pd

    if not records:
        return np.empty((0, len(names)))
    rewritten = io.StringIO()
    csv.writer(rewritten, lineterminator="\n").writerows(fields for _, fields in records)
    rewritten.seek(0)
    table = pd.read_csv(rewritten, header=None, low_memory=False, skip_blank_lines=False)
    numbers = np.column_stack([_floats(table[column]) for column in table])
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        row, column = bad[0]
        line, fields = records[row]
        others = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise ValueError(
            f"{source}: line {line}, column {names[column]}: {fields[column]!r:.40} is not a finite number{others}"
            f"{_advice(fields[column])}"
        )
    return numbers


def _floats(column: pd.Series) -> Array:
    """Return a column as floats, NaN for what is no number."""
    try:
        return column.to_numpy().astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([_float(value) for value in column])


def _float(value: Any) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _advice(field: str) -> str:
    if re.fullmatch(r"\s*[-+]?[\d.]*,\d+([eE][-+]?\d+)?\s*", field):
        return "; decimals have a point here: pandas.read_csv(..., decimal=',') reads commas, and to_csv writes points"
    return ""
