"""Options: how figures are to look, all of them or one by its name, from a file, a config or the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from analysis.figures.style import STYLES, Style
from analysis.report.catalogue import COMPARISONS, FIGURES
from analysis.tables.names import nearest

__all__ = ["Options", "OptionsError", "read"]

_STYLE = {entry.name for entry in fields(Style)}
_LIMITS = ("xlim", "ylim")
_TEXTS = ("title", "xlabel", "ylabel")
_MOST = {"width": 40, "height": 40, "font": 100, "dpi": 600}
"""Inches, points and dots an inch at most: a larger picture takes more memory than many a machine has."""

_NAMED = {*FIGURES, *COMPARISONS}
_FORMS = ("phase_diagram_", "_over_")
"""What occurs in the names of further figures: of other blocks, and of any number over any keys."""


class OptionsError(ValueError):
    """An option of figures that does not exist, or a value that it does not take."""


@dataclass(frozen=True)
class Options:
    """How figures are to look.

    Attributes:
        every: Values of `analysis.figures.style.Style`, and "style", the one that they change: screen or paper.
        one: The same of single figures by name, and their title, xlabel, ylabel, xlim and ylim.
    """

    every: Mapping[str, Any] = field(default_factory=dict)
    one: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def style(self, name: str) -> Style:
        """Return the style of a figure."""
        given = {**self.every, **self.one.get(name, {})}
        base = STYLES[given.get("style", "screen")]
        return replace(base, **{key: _plain(value) for key, value in given.items() if key in _STYLE})

    def apply(self, name: str, figure: Figure, ax: Axes) -> str:
        """Set limits and texts of a figure that was drawn, and return what was its title if it is to have none."""
        given = self.one.get(name, {})
        panels = [other for other in figure.axes if other.get_subplotspec() and other.get_label() != "<colorbar>"]
        for other in panels:
            other.set(**{key: given[key] for key in (*_LIMITS, *_TEXTS[1:]) if key in given})
        several = bool(figure.get_suptitle()) or len(panels) > 1
        before = figure.get_suptitle() if several else ax.get_title()
        if "title" in given or not self.style(name).titles:
            title = str(given.get("title", ""))
            figure.suptitle(title) if several else ax.set_title(title)
            return before
        return ""

    def changed(self, over: Mapping[str, Any], source: str) -> Options:
        """Return these options with others over them.

        Raises:
            OptionsError: as `read`.
        """
        checked = _checked(over, source)
        names = {*self.one, *checked.one}
        one = {name: {**self.one.get(name, {}), **checked.one.get(name, {})} for name in names}
        return Options({**self.every, **checked.every}, one)


def read(path: Path) -> Options:
    """Return the options of a YAML file: values of all figures, and below the name of a figure those of it.

    Raises:
        OptionsError: the file cannot be read, or a key or value is not allowed.
    """
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionsError(f"--figures {path}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise OptionsError(f"--figures {path}: no YAML: {' '.join(str(error).split())}") from None
    if held is not None and not isinstance(held, dict):
        raise OptionsError(f"--figures {path}: {held!r} is no mapping, such as style: paper")
    return _checked(held or {}, str(path))


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _checked(given: Mapping[str, Any], source: str) -> Options:
    every = {key: value for key, value in given.items() if not isinstance(value, Mapping)}
    one = {str(name): value for name, value in given.items() if isinstance(value, Mapping)}
    for name, values in one.items():
        if name not in _NAMED and not any(form in name for form in _FORMS):
            raise OptionsError(_unknown(name, source, "figure", _NAMED))
        for key, value in values.items():
            _check(str(key), value, f"{source}: {name}.", {"style", *_STYLE, *_LIMITS, *_TEXTS})
    for key, value in every.items():
        _check(str(key), value, f"{source}: ", {"style", *_STYLE})
    return Options(every, one)


def _unknown(name: str, source: str, noun: str, known: set[str]) -> str:
    near = nearest(name, known)
    meant = f"did you mean {near}? " if near else ""
    return f"{source}: no {noun} {name!r}; {meant}allowed are {', '.join(sorted(known))}"


def _check(key: str, value: Any, place: str, allowed: set[str]) -> None:
    if key not in allowed:
        raise OptionsError(_unknown(key, place.rstrip(": ."), "option", allowed))
    if key in ("width", "height") and value is None:
        return
    if (needed := _needed(key, value)) is not None:
        raise OptionsError(f"{place}{key} = {value!r} is not allowed: {needed}")


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _needed(key: str, value: Any) -> str | None:
    """Return what a value has to be if it is not."""
    number = _finite(value)
    pair = isinstance(value, list | tuple) and len(value) == 2 and all(_finite(end) for end in value)
    formats = sorted(FigureCanvasBase.filetypes)
    listed = isinstance(value, list | tuple) and len(value) > 0 and all(name in formats for name in value)
    text = value if isinstance(value, str) else None
    rules: dict[str, tuple[bool, str]] = {
        "style": (text in STYLES, f"one of {', '.join(STYLES)}"),
        "titles": (isinstance(value, bool), "true or false"),
        "formats": (listed, f"a list of {', '.join(formats)}, such as [pdf, png]"),
        "colours": (text in colormaps, "the name of a colour map of matplotlib, such as viridis"),
        "signed": (text == "" or text in colormaps, "the name of a colour map of matplotlib, such as RdBu_r"),
        **{name: (number and 1 <= value <= most, f"a number from 1 to {most}") for name, most in _MOST.items()},
        **dict.fromkeys(_LIMITS, (pair and value[0] != value[1], "two numbers, such as [0.5, 2]")),
        "range": (value is None or (pair and value[0] < value[1]), "two numbers, the ends of the colours: [-1, 1]"),
        **dict.fromkeys(_TEXTS, (text is not None, "a text")),
    }
    fits, needed = rules[key]
    return None if fits else needed
