"""What a benchmark found: tables for the terminal, and a JSON with every measurement."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.measure import Spread

__all__ = ["Report", "Row"]

Row = Mapping[str, Any]
"""Columns by name: texts, numbers, or a `Spread`."""


@dataclass
class Report:
    """Tables by their titles, with remarks on what the numbers mean."""

    name: str
    options: Mapping[str, Any]
    tables: dict[str, list[Row]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    details: dict[str, list[Row]] = field(default_factory=dict)  # for the JSON alone
    machine: Mapping[str, Any] = field(default_factory=machine.facts)

    def add(self, title: str, row: Row) -> None:
        """Append a row to a table."""
        self.tables.setdefault(title, []).append(row)

    def show(self, console: Console) -> None:
        """Print the tables and the remarks."""
        for title, rows in self.tables.items():
            console.print(_table(title, rows))
        for remark in self.remarks:
            console.print(f"  {remark}", highlight=False)
        on = ", ".join(f"{key} {self.machine[key]}" for key in ("processor", "cores", "load", "date"))
        console.print(f"  on {on}", highlight=False)

    def write(self, folder: Path) -> Path:
        """Write NAME.json into a folder and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {"benchmark": self.name, "options": dict(self.options), "machine": dict(self.machine)}
        content |= {"remarks": self.remarks, "tables": self.tables, "details": self.details}
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(_plain(content), indent=1, allow_nan=False) + "\n")
        return path


def _table(title: str, rows: Sequence[Row]) -> Table:
    """Return a table of the columns that all rows have, in the order of the first."""
    table = Table(title=title, title_justify="left")
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        table.add_column(name.replace("_", " "), justify="left" if _is_text(rows, name) else "right")
    for row in rows:
        table.add_row(*(_cell(row.get(name, "")) for name in names))
    return table


def _is_text(rows: Sequence[Row], name: str) -> bool:
    return any(isinstance(row.get(name), str) for row in rows)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3g}"
    return str(value)


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it; what is not a finite number is null."""
    if isinstance(value, Spread):
        return _plain(value.as_json())
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bool | str | int | None):
        return value
    return (float(value) if math.isfinite(value) else None) if isinstance(value, float) else str(value)
