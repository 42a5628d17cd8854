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

__all__ = ["main"]

_DESCRIPTION = """Turn the logged runs of a sweep folder into exponents, regimes, the boundary and figures.
Reads every runs.parquet below DIR, starts no run, and writes to DIR/analysis."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 for bad input with one message on stderr."""
    options = _parser().parse_args(arguments)
    from analysis.pipeline import analyses  # so that --help does not wait for pandas

    try:
        found = analyses(options.folder, options.level)
        _write_all(options.folder, found)
    except (ValueError, OSError) as error:
        print(f"{called('analysis')}: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(called("analysis"), description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"condense {version()}")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a sweep folder, such as multirun/quickstart")
    parser.add_argument("--level", type=_level, help="confidence level of all intervals (default: measure.level, 0.9)")
    return parser


def _level(text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = float("nan")
    if not 0 < level < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1, such as 0.9")
    return level


def _write_all(folder: Path, found: dict[str, Analysis]) -> None:
    from rich.console import Console

    from analysis.collect import OUTPUT
    from analysis.output import write, write_compared
    from analysis.report import report, show

    for message in next(iter(found.values())).skipped:
        print(f"skipped {message}", file=sys.stderr)
    console = Console(width=None if sys.stdout.isatty() else 110)
    for label, analysis in found.items():
        target = folder / OUTPUT / label
        files = write(analysis, target)
        text = target / "report.txt"
        parts = report(analysis, [*files, text], label)
        with text.open("w", encoding="utf-8") as stream:
            show(parts, Console(file=stream, width=110))
        show(parts, console)
    together = write_compared(found, folder / OUTPUT)
    if together:
        show(["Comparing the settings:", *(f"  {path}" for path in together)], console)
