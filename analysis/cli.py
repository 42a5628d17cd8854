"""The command line: `python -m analysis DIR`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from front_door.names import called, version

if TYPE_CHECKING:
    from analysis.pipeline import Analysis
    from analysis.report.options import Options

__all__ = ["main"]

_DESCRIPTION = """Turn the logged runs of a sweep folder into exponents, regimes, the boundary and figures.
Reads every runs.parquet below DIR, starts no run, and writes to DIR/analysis."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 for bad input with one message on stderr."""
    options = _parser().parse_args(arguments)
    from analysis.pipeline import analyses  # so that --help does not wait for pandas

    try:
        if any((options.x, options.y, options.panel, options.value, options.where, options.unconverged)):
            _draw(options)
        else:
            _write_all(options.folder, analyses(options.folder, options.level), _look(options))
    except (ValueError, OSError) as error:
        print(f"{called('analysis')}: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(called("analysis"), description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"condense {version()}")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a sweep folder, such as multirun/quickstart")
    parser.add_argument("--level", type=_level, help="confidence level of all intervals (default: measure.level, 0.9)")
    looks = parser.add_argument_group("how figures look", "Sizes, formats, titles and limits, of all or of one figure.")
    looks.add_argument("--style", help="screen (default), or paper: a column wide, its titles in text files beside it")
    looks.add_argument("--width", type=float, metavar="INCHES", help="of every figure, such as 3.4")
    looks.add_argument("--height", type=float, metavar="INCHES", help="of every figure; what it needs by default")
    looks.add_argument("--format", metavar="NAME", nargs="+", dest="formats", help="pdf, png, svg, eps, ..")
    looks.add_argument("--figures", type=Path, metavar="FILE", help="YAML of these and more: docs/figures.md")
    drawn = parser.add_argument_group(
        "any number over any keys",
        "Draw these alone, to DIR/analysis: curves over one axis, a map over two, a map for each value of a third.",
    )
    drawn.add_argument("--x", metavar="KEY", help="what varies to the right: flow.rate, init.gamma, width")
    drawn.add_argument("--y", metavar="KEY", help="what varies upwards")
    drawn.add_argument("--panel", metavar="KEY", help="what varies from map to map")
    drawn.add_argument("--value", metavar="NAME", nargs="+", help="a column of the records, or S_w: rd_w, clusters")
    drawn.add_argument("--where", metavar="KEY=VALUE", nargs="+", help="only runs with these values", type=_pair)
    drawn.add_argument("--unconverged", action="store_true", help="use runs that did not converge too")
    return parser


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as network.keep=0.9")
    return key, value


def _level(text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = float("nan")
    if not 0 < level < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1, such as 0.9")
    return level


def _look(options: argparse.Namespace) -> Options:
    """Return how figures are to look: what the file says, over it what the command line says."""
    from analysis.report.options import Options, read

    given = {name: getattr(options, name) for name in ("style", "width", "height", "formats")}
    base = read(options.figures) if options.figures else Options()
    return base.changed({name: value for name, value in given.items() if value is not None}, "command line")


def _draw(options: argparse.Namespace) -> None:
    """Draw numbers over the axes asked for, or over all that varies."""
    from analysis.over import axes_of, numbers, over
    from analysis.report.output import write_over
    from analysis.stats.intervals import Interval
    from analysis.tables.collect import OUTPUT, collect
    from analysis.tables.configured import configured_level

    folder = options.folder
    interval = Interval(configured_level(folder) if options.level is None else options.level)
    collection = collect(folder)
    runs, swept, where = collection.runs, collection.swept, dict(options.where or ())
    axes = [name for name in (options.x, options.y, options.panel) if name]
    axes = axes or [name for name in axes_of(runs, swept) if name not in where]
    look = _look(options)
    for message in collection.skipped:
        print(f"skipped {message}", file=sys.stderr)
    for value in options.value or numbers(runs, swept):
        rules = {"where": where, "unconverged": options.unconverged, "interval": interval}
        for path in write_over(over(runs, value, axes, swept, **rules), folder / OUTPUT, look):
            print(path)


def _write_all(folder: Path, found: dict[str, Analysis], look: Options) -> None:
    from rich.console import Console

    from analysis.report.output import write, write_compared
    from analysis.report.text import report, show
    from analysis.tables.collect import OUTPUT

    for message in next(iter(found.values())).skipped:
        print(f"skipped {message}", file=sys.stderr)
    console = Console(width=None if sys.stdout.isatty() else 110)
    for label, analysis in found.items():
        target = folder / OUTPUT / label
        files = write(analysis, target, look)
        text = target / "report.txt"
        parts = report(analysis, [*files, text], label)
        with text.open("w", encoding="utf-8") as stream:
            show(parts, Console(file=stream, width=110))
        show(parts, console)
    together = [*write_compared(found, folder / OUTPUT, look), *_over_what_was_swept(folder, found, look)]
    if together:
        show(["Comparing the settings:", *(f"  {path}" for path in together)], console)


def _over_what_was_swept(folder: Path, found: dict[str, Analysis], look: Options) -> list[Path]:
    """Draw what there is over the keys that a sweep varies besides the place on the plane."""
    import pandas as pd

    from analysis.over import MOST, axes_of, numbers, over
    from analysis.report.output import write_over
    from analysis.stats.intervals import Interval
    from analysis.tables.collect import OUTPUT, SweepError

    first = next(iter(found.values()))
    runs = pd.concat([analysis.runs for analysis in found.values()], ignore_index=True)
    axes = axes_of(runs, first.swept)
    if not {*axes} & {*first.swept}:
        return []
    if len(axes) > MOST:
        print(
            f"{', '.join(axes)} vary: choose up to {MOST} by --x, --y and --panel, others by --where", file=sys.stderr
        )
        return []
    files: list[Path] = []
    for value in numbers(runs, first.swept):
        try:
            drawn = over(runs, value, axes, first.swept, interval=Interval(first.level))
        except SweepError as error:
            print(f"{value} over {', '.join(axes)} is not drawn: {error}", file=sys.stderr)
            continue
        files += write_over(drawn, folder / OUTPUT, look)
    return files
