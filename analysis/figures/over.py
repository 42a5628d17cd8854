"""A number over keys that were varied: a curve with intervals over one of them, or a map over two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize

from analysis.figures.canvas import NothingToDrawError, axes, legend_below
from analysis.figures.maps import readable_on
from analysis.figures.panels import panels
from analysis.figures.quantity import symbol
from analysis.figures.style import BLUE, RED, current, ranged
from analysis.over import Over
from condense.planes import PLANES

__all__ = ["number_over"]

_SYMBOLS = {
    **{axis.column: f"${axis.symbol}$" for plane in PLANES.values() for axis in plane.axes},
    "width": "width $m$",
    "flow.rate": "learning rate",
    "flow.kwargs.lr": "learning rate",
}

_NAMED = {"accuracy_test": "accuracy on the test set", "loss_test": "loss on the test set"}

_OF_ROWS = {"clusters": "directions", "lines": "lines"}
"""What is counted of the rows of a matrix, and how a figure calls it."""

_FLAGS = ("initial_", "capped_", "exact_")
"""What is before the name of a matrix where it is not the count that is told."""

_WIDE = 20.0
"""Numbers above 0 whose largest is so many times their smallest are drawn on a logarithmic scale."""

_TEXTS = 150
"""Cells that have room for their numbers."""


def number_over(found: Over, ax: Axes | None = None) -> Axes:
    """Draw a number over one to three keys.

    Over one: means with intervals over seeds. Over two: a cell for each pair of values, in equal steps whatever their
    distance. Over three: such a map for each value of the third. A cell without a value is crossed out; a triangle
    says that some of its runs were not used.

    Raises:
        NothingToDrawError: no combination has a value.
    """
    known = found.table.dropna(subset="value")
    if known.empty:
        raise NothingToDrawError(f"no {found.name} to draw over {', '.join(found.axes)}: no run has one")
    ax = axes(ax)
    if len(found.axes) == 1:
        return _curve(found, known, ax)
    norm, colours = _colours(found.name, known["value"].to_numpy(float))
    if len(found.axes) == 2:
        _cells(found.table, found.axes, ax, norm, colours)
        _bar(found, [ax], norm, colours)
        ax.set_title(_titled(found))
        return ax
    third = found.axes[2]
    values = _values(found.table[third])
    drawn = panels(ax, len(values))
    for here, value in zip(drawn, values, strict=True):
        _cells(found.table[found.table[third] == value], found.axes, here, norm, colours)
        here.set_title(f"{label(third)} = {_text(value)}")
    _bar(found, drawn, norm, colours)
    drawn[0].figure.suptitle(_titled(found))
    return drawn[0]


def label(column: str) -> str:
    """Return what an axis is called."""
    return _SYMBOLS.get(column, column.replace("_", r"\_") if "$" in column else column)


def _titled(found: Over) -> str:
    drawn = len(found.axes) == 1 and found.table["low"].notna().any()
    how = f"{found.kind}, {found.level:.0%} intervals" if drawn else found.kind
    over = " and ".join(map(label, found.axes))
    return "\n".join(filter(None, [f"{_named(found.name)} over {over}", found.made, how]))


def _named(name: str) -> str:
    for prefix, letter in (("S_", "S"), ("rd_", r"\mathrm{RD}")):
        if name.startswith(prefix) and not name.endswith("_sup"):
            return f"${symbol(letter, name.removeprefix(prefix))}$"
    kind, _, matrix = name.partition("_")
    if kind in _OF_ROWS and "." in matrix and not matrix.startswith(_FLAGS):
        return f"{_OF_ROWS[kind]} of the rows of {matrix}"
    return _NAMED.get(name, name)


def _values(column: pd.Series[Any]) -> list[Any]:
    return sorted(column.dropna().unique(), key=lambda value: (isinstance(value, str), value))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float | np.number) and not isinstance(value, bool) else str(value)


def _spread(values: np.ndarray) -> bool:
    """Whether numbers are to be drawn on a logarithmic scale."""
    return bool(len(values) > 1 and values.min() > 0 and values.max() > _WIDE * values.min())


def _curve(found: Over, known: pd.DataFrame, ax: Axes) -> Axes:
    [column] = found.axes
    places = known[column]
    numeric = pd.api.types.is_numeric_dtype(places) and not pd.api.types.is_bool_dtype(places)
    texts = _values(found.table[column])
    x = places.astype(float) if numeric else places.map(texts.index)
    low, high = (known[end].astype(float).fillna(known["value"]) for end in ("low", "high"))
    error = np.stack([known["value"] - low, high - known["value"]]).clip(min=0)
    order = np.argsort(x.to_numpy())
    bars = known["low"].notna().any()
    name = "mean and its interval over seeds" if bars else "one seed, no interval"
    look: dict[str, Any] = {"fmt": "o-", "color": BLUE, "ms": 6, "lw": 1, "capsize": 3, "label": name}
    ax.errorbar(x.iloc[order], known["value"].iloc[order], error[:, order], **look)
    partly = known["used"] < known["runs"]
    if partly.any() and "converged" in found.kind:
        marks: dict[str, Any] = {"marker": "v", "c": RED, "zorder": 5, "s": 40}
        ax.scatter(x[partly], known["value"][partly], label="some runs there did not converge (not used)", **marks)
    if numeric and _spread(x.to_numpy(float)):
        ax.set_xscale("log")
    if not numeric:
        ax.set_xticks(range(len(texts)), list(map(_text, texts)))
    if _spread(known["value"].to_numpy(float)):
        ax.set_yscale("log")
    if known["value"].min() < 0 < known["value"].max():
        ax.axhline(0, color="0.5", lw=0.8)
    ax.set(xlabel=label(column), ylabel=_named(found.name))
    ax.set_title(_titled(found))
    legend_below(ax)
    return ax


def _colours(name: str, values: np.ndarray) -> tuple[Normalize, Any]:
    """Return the scale of colours: about 0 for numbers of both signs, logarithmic for those over decades."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    if name.startswith("S_") or low < 0 < high:
        most = max(abs(low), abs(high)) or 1.0
        return ranged(Normalize(-most, most)), current().signed_map
    if _spread(finite):
        return ranged(LogNorm(low, high)), current().map
    return ranged(Normalize(low, high if high > low else low + (abs(low) or 1.0))), current().map


def _cells(table: pd.DataFrame, columns: tuple[str, ...], ax: Axes, norm: Normalize, colours: Any) -> None:
    """Draw a cell for each pair of values: their number if there is room, a cross if there is none."""
    x, y = (_values(table[column]) for column in columns[:2])
    ax.set(xlim=(-0.5, len(x) - 0.5), ylim=(-0.5, len(y) - 0.5))
    image = np.full((len(y), len(x)), np.nan)
    partly: list[tuple[int, int]] = []
    for _, cell in table.iterrows():
        place = y.index(cell[columns[1]]), x.index(cell[columns[0]])
        image[place] = cell["value"]
        if cell["used"] < cell["runs"] and np.isfinite(cell["value"]):
            partly.append(place)
    mesh = np.ma.masked_invalid(image)
    ax.pcolormesh(np.arange(len(x) + 1) - 0.5, np.arange(len(y) + 1) - 0.5, mesh, norm=norm, cmap=colours, ec="white")
    ax.set_xticks(range(len(x)), list(map(_text, x)), rotation=0 if len(x) <= 10 else 90)
    ax.set_yticks(range(len(y)), list(map(_text, y)))
    empty = np.argwhere(np.isnan(image))
    if len(empty):
        ax.scatter(empty[:, 1], empty[:, 0], marker="x", c="0.5", s=30, label="no value: too few runs converged")
    if partly:
        rows, places = zip(*partly, strict=True)
        marks: dict[str, Any] = {"marker": "v", "c": RED, "edgecolors": "white", "s": 30, "zorder": 5}
        ax.scatter(places, np.array(rows) + 0.36, label="some runs did not converge (not used)", **marks)
    for filled in np.argwhere(~np.isnan(image)) if image.size <= _TEXTS else ():
        row, column = map(int, filled)
        value = image[row, column]
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": "small"}
        ax.text(column, row, f"{value:.3g}", color=readable_on(np.array(colours(norm(value)))), **look)
    ax.set(xlabel=label(columns[0]), ylabel=label(columns[1]))
    legend_below(ax)


def _bar(found: Over, drawn: list[Axes], norm: Normalize, colours: Any) -> None:
    from matplotlib.cm import ScalarMappable

    bar = drawn[0].figure.colorbar(ScalarMappable(norm, colours), ax=drawn, pad=0.02, aspect=30)
    bar.set_label(_named(found.name))
