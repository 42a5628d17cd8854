"""The table that a single run prints."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Column, Table

from condense import plane, records

__all__ = ["show"]


def show(table: pd.DataFrame, folder: Path, console: Console) -> None:
    """Print the records of one job, a row a run, and where they are."""
    first = table.iloc[0]
    predicted = plane.exponent(first.gamma, first.gamma_prime)
    regime = plane.regime(first.gamma, first.gamma_prime)
    console.print(
        f"{first.initialisation}: gamma = {first.gamma:g}, gamma' = {first.gamma_prime:g}; "
        f"theory of two-layer ReLU: {regime}, RD_w ~ m^{predicted:.3g}",
        highlight=False,
    )
    blocks = [block for block in records.relative_changes(table.columns) if table[f"rd_{block}"].notna().any()]
    sizes = ["width", "neurons"] if table["virtual"].any() else ["width"]
    grid = Table(
        *_columns(*sizes, "seed", *(f"RD_{block}" for block in blocks), "clusters", "mse", "steps", "status"),
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for row in table.sort_values(["virtual", "width", "neurons", "seed"]).to_dict("records"):
        changes = [f"{row[f'rd_{block}']:.4g}" for block in blocks]
        clusters = "" if pd.isna(row["clusters"]) else f"{row['clusters_initial']} -> {row['clusters']}"
        cells = *(f"{row[name]:g}" for name in sizes), str(row["seed"]), *changes, clusters, f"{row['mse_final']:.3g}"
        grid.add_row(*cells, str(row["steps"]), str(row["status"]))
    console.print(grid)
    console.print(f"records: {folder / records.FILE}", highlight=False, soft_wrap=True)


def _columns(*names: str) -> list[Column]:
    return [Column(name, no_wrap=True) for name in names]
