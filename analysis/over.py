"""Any logged number over any keys that were varied: a curve over one, a map over two, a map for each value of a third.

No theory here: a plane that has one has figures of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.stats.exponents import blocks, seed_slopes, usable
from analysis.stats.infinite import main_runs
from analysis.stats.intervals import Interval
from analysis.stats.regimes import order_parameter
from analysis.tables import places
from analysis.tables.collect import SweepError
from analysis.tables.made import told
from analysis.tables.names import nearest
from condense import records

__all__ = ["MOST", "Over", "axes_of", "numbers", "over"]

MOST = 3
"""Axes, at most: curves, maps, a map for each value of the third."""

_TELLING = [
    "virtual",
    "network",
    "activation",
    "keep",
    "data",
    "flow",
    "antisymmetric",
    "rtol",
    "stop",
    "dtype",
]


@dataclass(frozen=True)
class Over:
    """A number over the values of some axes.

    Attributes:
        table: A row a combination of values: the axes, value, low, high (NaN for one seed), seeds, and how many of the
            runs there were used.
        axes: The columns of the axes, first to be drawn to the right.
        name: The number: a column of the records, or S_w and so on.
        kind: How the value is made of the runs, "mean over seeds at width 4000".
        made: How the runs were made.
        level: The confidence level of the intervals.
    """

    table: pd.DataFrame
    axes: tuple[str, ...]
    name: str
    kind: str
    made: str
    level: float

    @property
    def file(self) -> str:
        """Its part of a file's name: "rd_w_over_flow.rate,gamma"."""
        return f"{self.name}_over_{','.join(self.axes)}"


def axes_of(runs: pd.DataFrame, swept: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that vary and can be axes: the place on the plane, and the keys swept."""
    found = [name for name in swept if len(runs[name].drop_duplicates()) > 1]
    place = [name for name in places.axes(runs) if len(runs[name].unique()) > 1]
    named = not places.plain(runs).all()
    return (*(["initialisation"] if named and place else place), *found)


def _scales(runs: pd.DataFrame) -> list[str]:
    """Return the scales of the initialisation that vary, which are axes if they are asked for: of spelled-out ones."""
    known = ["kappa", "alpha", "beta1", "beta2", *(str(name) for name in runs if str(name).startswith("beta_"))]
    return [name for name in known if name in runs and len(runs[name].unique()) > 1]


def over(
    runs: pd.DataFrame,
    value: str,
    axes: Sequence[str],
    swept: Sequence[str] = (),
    *,
    where: Mapping[str, str] | None = None,
    unconverged: bool = False,
    interval: Interval | None = None,
) -> Over:
    """Return a number over the values of some axes, with intervals over seeds.

    A relative change is the geometric mean over seeds, S of a block the mean of the seeds' slopes over all widths, any
    other number the mean; where the width is no axis, at the largest width that all combinations have.

    Args:
        runs: records, with the keys swept as columns.
        value: S_w and so on, or a column of numbers: rd_w, clusters, steps, one of an observable of your own.
        axes: one to three columns, or config keys: flow.rate, init.gamma, width.
        swept: the columns of the keys swept.
        where: values that other columns are held at, as texts.
        unconverged: use runs that did not converge too.
        interval: the rule for intervals.

    Raises:
        SweepError: there is no such column, nothing is left of the runs, or something else varies; the message says
            what there is.
    """
    interval = interval or Interval()
    candidates = (*axes_of(runs, swept), "width")
    columns = tuple(_column(runs, name, (*candidates, *_scales(runs))) for name in axes)
    if not 1 <= len(set(columns)) == len(columns) <= MOST:
        raise SweepError(f"axes {', '.join(axes)}: allowed are one to {MOST} different ones of {', '.join(candidates)}")
    chosen = main_runs(_held(runs, where or {}))
    without = chosen[list(columns)].isna().any(axis=1)
    chosen = chosen[~without]
    _refuse_mixtures(chosen, columns, swept)
    block = value.removeprefix("S_")
    if value.startswith("S_") and block in blocks(chosen):
        if "width" in columns:
            raise SweepError(f"{value} is a slope over the widths: width cannot be an axis; rd_{block} has one")
        used = usable(chosen, block)
        seeds, kind = seed_slopes(used, block, columns), "mean over seeds of the slopes over all widths"
    else:
        used, at = _numbers(chosen, value, unconverged), ""
        if "width" not in columns:
            width = _widest(used, columns, value)
            chosen, used = (table[table["width"] == width] for table in (chosen, used))
            at = f" at width {width:g}"
        seeds = _by_seed(used, value, columns)
        kind = f"{'geometric mean' if _is_change(value) else 'mean'} over seeds{at}"
    found = interval(seeds).astype({"value": float, "low": float, "high": float})
    if _is_change(value):
        found[["value", "low", "high"]] = np.exp(found[["value", "low", "high"]])
    table = pd.DataFrame({"runs": chosen.groupby(list(columns), dropna=False).size()})
    table["used"] = used.groupby(list(columns), dropna=False).size()
    table = table.fillna({"used": 0}).astype({"used": int}).join(found.drop(columns="method")).reset_index()
    kind += "" if unconverged else "; runs that converged"
    kind += f"; {without.sum()} runs have no {' or '.join(columns)} and are left out" if without.any() else ""
    return Over(table, columns, value, kind, told(chosen), interval.level)


def _is_change(value: str) -> bool:
    """Whether a number is a relative change, which is averaged on a logarithmic scale."""
    return value.startswith("rd_")


def _by_seed(runs: pd.DataFrame, value: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return a number by combination and seed, of relative changes the logarithm."""
    values = runs[value].astype(float)
    values = values.map(np.log) if _is_change(value) else values
    table = values.groupby([runs[name] for name in (*columns, "seed")]).mean().unstack("seed")  # noqa: PD010
    return table.astype(float)


def numbers(runs: pd.DataFrame, swept: Sequence[str]) -> tuple[str, ...]:
    """Return what is drawn without being asked for: S and RD of the order parameter, clusters, own observables."""
    block = order_parameter(blocks(runs))
    others = {*records.COLUMNS, *records.FURTHER, *swept, *places.axes(runs)}
    own = [
        str(name)
        for name in runs.select_dtypes(["number"])
        if name not in others and not str(name).startswith(("rd_", "clusters"))
    ]
    slopes = [f"S_{block}"] if len(runs["width"].unique()) > 1 else []
    known = [name for name in (f"rd_{block}", "clusters", *own) if name in runs and runs[name].notna().any()]
    return (*slopes, *known)


def _column(runs: pd.DataFrame, name: str, candidates: Sequence[str]) -> str:
    column = _column_of(runs, name)
    if column in candidates:
        return column
    if column not in runs:
        raise SweepError(f"{name} is no column of these runs{_allowed(name, candidates)}")
    raise SweepError(f"{name} does not vary among these runs; {', '.join(candidates)} do")


def _column_of(runs: pd.DataFrame, key: str) -> str:
    """Return the column of a config key: that of init.gamma is gamma."""
    column = key.removeprefix("init.")
    return column if column in places.axes(runs) else key


def _allowed(name: str, known: Iterable[str]) -> str:
    known = list(known)
    close = nearest(name, known)
    guess = f", did you mean {close}?" if close else "."
    return f"{guess} Allowed: {', '.join(known)}"


def _held(runs: pd.DataFrame, where: Mapping[str, str]) -> pd.DataFrame:
    """Return the runs with these values."""
    for name, text in where.items():
        column = _column_of(runs, name)
        if column not in runs:
            raise SweepError(f"--where {name}={text}: there is no such column{_allowed(name, map(str, runs.columns))}")
        there = runs[column]
        chosen = there.map(lambda value, text=text: _same(value, text)).astype(bool)
        if not chosen.any():
            values = ", ".join(map(str, there.drop_duplicates().head(12)))
            raise SweepError(f"--where {name}={text}: no run has it; there are {values}")
        runs = runs[chosen]
    return runs.reset_index(drop=True)


def _same(value: Any, text: str) -> bool:
    try:
        return bool(np.isclose(float(value), float(text), rtol=1e-9, atol=0))
    except (TypeError, ValueError):
        return str(value).lower() == text.lower()


def _refuse_mixtures(runs: pd.DataFrame, columns: Sequence[str], swept: Sequence[str]) -> None:
    """Refuse a mean over runs that differ in more than their axes, seeds and widths."""
    cells = runs.groupby(list(columns), dropna=False)
    names = dict.fromkeys(
        name for name in (*swept, *places.point(runs), *_TELLING) if name in runs and name not in columns
    )
    varying = [name for name in names if cells[name].nunique(dropna=False).max() > 1]
    if not varying:
        alike = runs.duplicated([*columns, "seed", "width", "neurons"]).any()
        if not alike:
            return
        varying = ["setting"]
    each = "; ".join(f"{name} ({', '.join(map(str, runs[name].drop_duplicates().head(12)))})" for name in varying)
    example = f"{varying[0]}={runs[varying[0]].iloc[0]}"
    raise SweepError(
        f"these runs differ in more than {', '.join(columns)}: {each}. Hold each at one value, --where {example} say, "
        f"or make it an axis: --x, --y or --panel"
    )


def _numbers(runs: pd.DataFrame, value: str, unconverged: bool) -> pd.DataFrame:
    """Return the runs that have a number of this name."""
    numeric = [
        str(name)
        for name in runs.select_dtypes(["number", "bool", "boolean"])
        if name not in ("seed", "width", *places.axes(runs)) and runs[name].notna().any()
    ]
    if value not in numeric:
        known = [*(f"S_{block}" for block in blocks(runs)), *numeric]
        raise SweepError(f"{value} is no number that these runs log{_allowed(value, known)}")
    there = runs[value].notna() & (runs[value].astype(float) > 0 if _is_change(value) else True)
    found = runs[there & (runs["converged"] | unconverged)]
    if found.empty:
        raise SweepError(f"{value}: no run converged with it; --unconverged takes the others too")
    return found


def _widest(runs: pd.DataFrame, columns: Sequence[str], value: str) -> float:
    """Return the largest width that all combinations have."""
    widths = [set(each) for _, each in runs.groupby(list(columns), dropna=False)["width"]]
    common = set.intersection(*widths)
    if not common:
        raise SweepError(f"{value}: these runs have no width in common; make width an axis, or --where width=..")
    return float(max(common))
