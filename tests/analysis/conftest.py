from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from synthetic_sweep import power_law_rows

from condense import records

mpl.use("Agg")


@pytest.fixture
def runs() -> Callable[..., pd.DataFrame]:
    """Build records of several plane points: runs((gamma, gamma'), ..., slope=..)."""

    def build(*points: tuple[float, float], **options: Any) -> pd.DataFrame:
        return records.frame([row for point in points for row in power_law_rows(*point, **options)])

    return build


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[..., Path]:
    """Write a sweep folder with one job a plane point."""

    def build(*points: tuple[float, float], name: str = "sweep", **options: Any) -> Path:
        folder = tmp_path / name
        for gamma, gamma_prime in points:
            rows = power_law_rows(gamma, gamma_prime, **options)
            records.write(records.frame(rows), folder / f"gamma={gamma},gamma_prime={gamma_prime}" / records.FILE)
        return folder

    return build


GRID = [(gamma, gamma_prime) for gamma_prime in (-0.2, 0.0, 0.2) for gamma in (0.8, 0.9, 1.1, 1.3)]


@pytest.fixture
def grid() -> list[tuple[float, float]]:
    return GRID


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")
