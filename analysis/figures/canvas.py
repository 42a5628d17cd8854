"""The canvas: axes with the names of the plane's coordinates, colour bar and legend beside the data."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, cast

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter

from analysis.figures import style
from analysis.figures.quantity import Quantity
from analysis.tables.made import told
from condense.planes import Plane

__all__ = [
    "LaidOutOnce",
    "NothingToDrawError",
    "axes",
    "colour_bar",
    "coordinate_label",
    "coordinate_labels",
    "described",
    "entitle",
    "explained",
    "fitted",
    "lay_out",
    "legend_below",
    "share_legend",
    "titled",
    "when_placed",
]

LETTERS = 95
"""A line of a title, at most."""

_ROUNDS = 4
"""How often a layout is mended at most."""

_NEAR = 0.03  # inches

_LETTER = 0.55
"""The mean width of a letter over its size."""

_LEAST = 0.66
"""The height of axes over their width, at least: legends and labels below them make the figure higher."""

_FORMULA = re.compile(r"\$[^$]*\$")
_PLACE = "\0" * 12  # of a formula, which takes about as much room


class NothingToDrawError(ValueError):
    """A figure that the table at hand does not allow; the message says what is missing."""


def axes(ax: Axes | None) -> Axes:
    """Return the axes given, or those of a new figure."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=style.size(), layout="constrained")
    return ax


class LaidOutOnce(ConstrainedLayoutEngine):
    """A constrained layout for a figure that is only saved once it is drawn: to measure all its texts takes time.

    Texts that are longer than there is room for are broken into lines, and axes that legends and labels leave too flat
    make the figure higher, unless its style has a height.
    """

    def __init__(self) -> None:
        super().__init__()
        self._done = False
        self._actions: list[Callable[[], None]] = []

    def after(self, action: Callable[[], None]) -> None:
        """Do something once the axes have their places."""
        self._actions.append(action)

    def execute(self, fig: Figure) -> Any:
        """Place the axes, the first time."""
        if self._done:
            return
        self._done = True
        texts: dict[Text, str] = {}
        squares = [ax for ax in fig.axes if ax.get_aspect() == 1]
        for ax in squares:  # their names would be placed about the square, not about the place that it lies in
            ax.set_aspect("auto")
        _make_room_for_legends(fig)
        super().execute(fig)
        for _ in range(_ROUNDS):
            broken, missing = _break_texts(fig, texts), _missing_height(fig, squares)
            if style.current().height is None:
                fig.set_figheight(fig.get_figheight() + missing)
            if not broken and abs(missing) < _NEAR:
                break
            super().execute(fig)
        for ax in squares:
            ax.set_aspect("equal")
        for action in self._actions:
            action()


def _make_room_for_legends(figure: Figure) -> None:
    """Make a figure higher by its legends if these take more than a third of it: else no axes might be left."""
    taken = sum(legend.get_window_extent(_renderer(figure)).height for legend in figure.legends) / figure.dpi
    if taken > figure.get_figheight() / 3 and style.current().height is None:
        figure.set_figheight(figure.get_figheight() + taken)


def _break_texts(figure: Figure, whole: dict[Text, str]) -> bool:
    """Break titles and labels that are longer than their part of the figure, and return whether there were such.

    What they were is kept in `whole`, so that they are broken from there when they have to be once more.
    """
    width, height = figure.get_size_inches() * figure.dpi
    rooms = [(text, width) for text in (*figure.texts, cast(Any, figure)._suptitle)]
    for ax in figure.axes:
        spec, box = ax.get_subplotspec(), ax.get_window_extent()
        rows, columns = spec.get_gridspec().get_geometry() if spec else (1, 1)
        row, column = (spec.rowspan.start, spec.colspan.start) if spec else (0, 0)
        level = _room((box.x0 + box.x1) / 2, column * width / columns, width / columns)
        upright = _room((box.y0 + box.y1) / 2, height - (row + 1) * height / rows, height / rows)
        rooms += [(ax.title, level), (ax.xaxis.label, level), (ax.yaxis.label, upright)]
    broken = [_break_text(text, room, whole) for text, room in rooms if text is not None and text.get_text()]
    return any(broken)


def _room(centre: float, start: float, length: float) -> float:
    """Return how long a text about a centre can be that is to stay in a part of the figure."""
    return 1.8 * max(min(centre - start, start + length - centre), 0.25 * length)


def _break_text(text: Text, room: float, whole: dict[Text, str]) -> bool:
    box = text.get_window_extent(_renderer(cast(Figure, text.figure)))
    length = box.height if text.get_rotation() == 90 else box.width
    if length <= room:
        return False
    longest = max(len(_FORMULA.sub(_PLACE, line)) for line in text.get_text().splitlines())
    text.set_text(_broken(whole.setdefault(text, text.get_text()), max(int(longest * room / length), 8)))
    return True


def _missing_height(figure: Figure, squares: Sequence[Axes]) -> float:
    """Return the inches that axes lack to the least height, or squares have too many, added up over rows of panels."""
    rows: dict[int, float] = {}
    for ax in figure.axes:
        spec = ax.get_subplotspec()
        if spec is None or ax.get_label() == "<colorbar>":
            continue
        box, square = ax.get_position(original=True), ax in squares
        least = (1.0 if square else _LEAST) * box.width * figure.get_figwidth()
        missing = least - box.height * figure.get_figheight()
        missing = missing if square else max(missing, 0.0)
        rows[spec.rowspan.start] = max(rows.get(spec.rowspan.start, missing), missing)
    return sum(rows.values())


def lay_out(ax: Axes) -> None:
    """Place the axes as their figure's layout says, with what is drawn on them so far."""
    figure = cast(Figure, ax.figure)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)


def when_placed(ax: Axes, action: Callable[[], None]) -> None:
    """Do something that needs to know how large the axes are: at once, or when our layout has placed them."""
    engine = cast(Figure, ax.figure).get_layout_engine()
    if isinstance(engine, LaidOutOnce):
        engine.after(action)
    else:
        lay_out(ax)
        action()


def explained(symbol: str, meaning: str) -> str:
    """Return a symbol with what it means, or alone where the caption of a paper says that."""
    return f"{symbol}{meaning}" if style.current().titles else symbol


def coordinate_label(plane: Plane, name: str) -> str:
    """Return what an axis to the right along a coordinate of a plane is called."""
    [axis] = [axis for axis in plane.axes if axis.column == name]
    return explained(f"${axis.symbol}$", f"   where   ${axis.meaning}$   (to the right: {axis.grows})")


def coordinate_labels(ax: Axes, plane: Plane) -> None:
    """Name both coordinates of a plane."""
    x, y = plane.axes
    ax.set_xlabel(coordinate_label(plane, x.column))
    ax.set_ylabel(explained(f"${y.symbol}$", f"   where   ${y.meaning}$\n(upwards: {y.grows})"))


def _letters(inches: float, size: float) -> int:
    """Return how many letters of a size in points a line has room for."""
    return max(int(inches * 72 / (_LETTER * size)), 8)


def colour_bar(ax: Axes, quantity: Quantity) -> None:
    """Draw the colour bar of a quantity beside the axes."""
    bar = ax.figure.colorbar(
        ScalarMappable(quantity.norm, quantity.cmap), ax=ax, extend=quantity.extend, pad=0.02, aspect=30
    )
    if isinstance(quantity.norm, LogNorm):
        for axis_formatter in (bar.ax.yaxis.set_major_formatter, bar.ax.yaxis.set_minor_formatter):
            axis_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(1.2, 0.5)))
    bar.set_label(quantity.label)


def legend_below(ax: Axes) -> None:
    """Put the legend below the axes, clear of data and labels, in as many columns as its texts allow."""
    handles, labels = ax.get_legend_handles_labels()
    figure = cast(Figure, ax.figure)
    if isinstance(figure.get_layout_engine(), LaidOutOnce):
        share_legend([ax])
    elif handles:
        size = _legend_letters()
        below = (ax.get_window_extent().y0 - _bottom(ax)) * 72 / figure.dpi
        place: dict[str, Any] = {"bbox_to_anchor": (0.5, 0), "borderaxespad": (below + 6) / size}
        labels, look = fitted(labels, figure.get_figwidth())
        ax.legend(handles, labels, loc="upper center", **place, **look)


def share_legend(axes: Sequence[Axes]) -> None:
    """Put one legend for all panels below the figure, an entry for each name that occurs in one of them."""
    entries: dict[str, Artist] = {}
    figure = cast(Figure, axes[0].figure)
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    for legend in (*figure.legends, *(ax.get_legend() for ax in axes)):
        if legend is not None:
            legend.remove()
    if entries:
        place: Any = "outside lower center"
        labels, look = fitted(list(entries), figure.get_figwidth())
        figure.legend(list(entries.values()), labels, loc=place, **look)


def _legend_letters() -> float:
    """Return the size of a legend's letters in points, which a matplotlibrc may give by a name."""
    return float(FontProperties(size=mpl.rcParams["legend.fontsize"]).get_size_in_points())


def _bottom(ax: Axes) -> float:
    """Return where the labels below axes end, in dots."""
    box = ax.xaxis.get_tightbbox(_renderer(cast(Figure, ax.figure)))
    return ax.get_window_extent().y0 if box is None else float(box.y0)


def _renderer(figure: Figure) -> Any:
    return cast(Any, RendererAgg)(1, 1, figure.dpi)


def fitted(labels: Sequence[str], inches: float) -> tuple[list[str], dict[str, Any]]:
    """Return the texts of a legend broken into lines, and its columns, so that it is no wider than so many inches."""
    size = _legend_letters()
    for columns in (2, 1):
        most = _letters(0.94 * inches / columns - 4.0 * size / 72, size)
        broken = [_broken(label, most) for label in labels]
        if columns == 1 or broken == list(labels):
            break
    return broken, {"ncols": columns, "frameon": False, "handlelength": 1.8, "columnspacing": 1.5}


def entitle(ax: Axes, title: str, table: pd.DataFrame, *further: str) -> None:
    """Write the lines of `titled` above the axes; in style paper, of a panel its title alone."""
    spec = ax.get_subplotspec()
    panel = spec is not None and spec.get_gridspec().get_geometry() != (1, 1)
    ax.set_title(title if panel and not style.current().titles else titled(title, table, *further))


def titled(title: str, table: pd.DataFrame, *further: str, letters: int = LETTERS) -> str:
    """Return a title, below it how the runs of a table were made, and further lines, none longer than `letters`."""
    how = textwrap.fill(told(table), letters).replace("$", r"\$")
    lines = [_broken(title, letters), how, *(_broken(line, letters) for line in further)]
    return "\n".join(line for line in lines if line)


def _broken(line: str, letters: int) -> str:
    """Return lines broken into more between words and formulas."""
    formulas = iter(_FORMULA.findall(line))
    parts = _FORMULA.sub(_PLACE, line).splitlines()
    filled = "\n".join(textwrap.fill(part, letters, break_on_hyphens=False) for part in parts)
    return re.sub(_PLACE, lambda _: next(formulas), filled)


def described(frame: pd.DataFrame, intervals: bool = True) -> str:
    """Say how many widths and seeds are behind a figure, and which intervals."""
    parts = [_counted(frame["widths"], "width"), _counted(frame["seeds"], "seed")]
    if intervals:
        known = (frame["method"] != "none").any()
        parts.append(f"{frame['level'].iloc[0]:.0%} intervals over seeds" if known else "no intervals")
    return ", ".join(parts)


def _counted(counts: pd.Series[int], noun: str) -> str:
    low, high = counts[counts > 0].min(), counts.max()
    plural = noun if high == 1 else f"{noun}s"
    return f"{high} {plural}" if low == high else f"{low} to {high} {plural}"
