"""Style: size, fonts, colours and files of all figures, whatever a matplotlibrc says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import cycle, islice

import matplotlib as mpl
from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, Normalize

__all__ = [
    "BLUE",
    "ORANGE",
    "RED",
    "SIGNED",
    "STYLES",
    "Style",
    "current",
    "dots",
    "font",
    "looks",
    "ranged",
    "size",
    "use",
]

_SIZE = (9.5, 7.4)  # inches

BLUE, ORANGE, RED = "#33517e", "#c8741b", "#d1495b"

SIGNED = LinearSegmentedColormap.from_list("signed", ["#08205c", "#2e60b0", "#8e9096", "#e8a33d", "#fff0a0"])
"""Blue below zero, grey at zero, yellow above; unlike that of diverging maps its lightness tells the sign."""

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, which colour-blind eyes tell apart (Color Universal Design, 2008)."""

_SHAPES = "os^vDPX<>*"


@dataclass(frozen=True)
class Style:
    """How figures look.

    Attributes:
        width: Inches of a figure; each takes what it needs if None.
        height: Inches; what the width needs if None.
        font: The size of labels in points.
        titles: Write titles, what axes mean and how many seeds there are; in a paper its caption says that.
        formats: The files of a figure, any that matplotlib writes.
        dpi: Dots an inch of png files, and of what is drawn as dots in others.
        colours: The colour map of numbers of one sign.
        signed: The colour map of exponents and other numbers of both signs, ours if empty.
        range: The numbers at which the colours of a map end; from the numbers themselves if None.
    """

    width: float | None = None
    height: float | None = None
    font: float = 10.0
    titles: bool = True
    formats: tuple[str, ...] = ("png", "svg")
    dpi: int = 200
    colours: str = "cividis"
    signed: str = ""
    range: tuple[float, float] | None = None

    @property
    def map(self) -> Colormap:
        """The colours of numbers of one sign."""
        return colormaps[self.colours]

    @property
    def signed_map(self) -> Colormap:
        """The colours of numbers of both signs."""
        return colormaps[self.signed] if self.signed else SIGNED


STYLES = {"screen": Style(), "paper": Style(width=3.4, font=8.0, titles=False, formats=("pdf", "png"), dpi=300)}

_current: ContextVar[Style] = ContextVar("style", default=STYLES["screen"])


def current() -> Style:
    """Return the style that figures are drawn in."""
    return _current.get()


@contextmanager
def use(style: Style) -> Iterator[None]:
    """Draw in a style, from matplotlib's own settings; the same runs give the same bytes."""
    before = _current.set(style)
    try:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(
                {
                    "font.size": style.font,
                    "axes.titlepad": 0.9 * style.font,
                    "axes.titlesize": 1.1 * style.font,
                    "figure.titlesize": 1.2 * style.font,
                    "legend.fontsize": 0.85 * style.font,
                    "svg.hashsalt": "condense",
                    "pdf.fonttype": 42,  # text stays text, which journals ask for
                    "savefig.dpi": style.dpi,
                }
            )
            yield
    finally:
        _current.reset(before)


def font(share: float) -> float:
    """Return a size of letters in points, given as a share of that of labels."""
    return share * float(mpl.rcParams["font.size"])


def dots(area: float) -> float:
    """Return the area of a marker in points^2, given for labels of 10 points."""
    return area * (font(1.0) / 10.0) ** 2


def size(width: float = _SIZE[0], height: float = _SIZE[1]) -> tuple[float, float]:
    """Return the inches of a figure that takes so many on a screen."""
    style = current()
    if style.width is None:
        return width, style.height or height
    return style.width, style.height or style.width * max(height / width, 0.7)


def ranged(norm: Normalize) -> Normalize:
    """Let the colours of a scale end where the style says.

    Raises:
        ValueError: the scale is logarithmic, and an end is not above 0.
    """
    if (ends := current().range) is not None:
        if isinstance(norm, LogNorm) and ends[0] <= 0:
            raise ValueError(
                f"range = [{ends[0]:g}, {ends[1]:g}] is not allowed for logarithmic colours: two numbers above 0; "
                "set it below the name of a figure, such as phase_diagram"
            )
        norm.vmin, norm.vmax = ends
    return norm


def looks(count: int) -> list[tuple[str, str]]:
    """Return a colour and a shape for each of so many lines."""
    return [*zip(islice(cycle(_COLOURS), count), islice(cycle(_SHAPES), count), strict=True)]
