"""`python -m benchmarks fig4|integrators|floor|scaling|orchestration|start|boundary|modules|layers|all`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.report import Report

BENCHMARKS = {
    "fig4": "the phase diagram of a whole figure, against gradient descent by a simple script",
    "integrators": "condense beside five other ways to train the same networks",
    "floor": "the least that one evaluation of a neuron can cost here, and how far from it the flow is",
    "scaling": "cost against width, dimension, data points, plane points, workers, device",
    "orchestration": "seconds a point that a launcher adds",
    "start": "what commands take before they compute",
    "modules": "stacks of modules of torch against plain loops, one network after another",
    "layers": "three layers: cost against width, beside bare products and a dense matrix",
    "boundary": "the line S_w = 0 by the boundary sweeper and by uniform grids, to the same precision",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark, or all with their defaults; print the tables and write the JSON."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser(given).parse_args(given)
    console = Console(width=None if sys.stdout.isatty() else 150)
    for name in BENCHMARKS if options.benchmark == "all" else [options.benchmark]:
        if options.benchmark == "all":
            defaults = _parser([name]).parse_args([name])
            own = argparse.Namespace(**{**vars(defaults), **vars(options)})
        else:
            own = options
        own.repeat = options.repeat or (1 if options.quick else 3)
        own.figures = options.figures or options.out
        reports: Iterable[Report] = importlib.import_module(f"benchmarks.{name}").benchmark(own)
        for report in reports:
            report.show(console)
            console.print(f"  {report.write(options.out)}\n", highlight=False)
    return 0


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description="What condense costs, against what.")
    commands = parser.add_subparsers(dest="benchmark", required=True, metavar="|".join([*BENCHMARKS, "all"]))
    for name, help in {**BENCHMARKS, "all": "all of them, one after another"}.items():
        command = commands.add_parser(name, help=help, description=help)
        command.add_argument("--quick", action="store_true", help="shrunk, to end within some 20 seconds")
        command.add_argument(
            "--out", type=Path, default=Path("outputs/benchmarks"), metavar="FOLDER", help="for NAME.json (%(default)s)"
        )
        command.add_argument("--repeat", type=_positive, help="measurements of each kind (default: 3, or 1 if quick)")
        command.add_argument("--device", default="cpu", help="of condense: cpu, cuda, cuda:0 (%(default)s)")
        command.add_argument("--figures", type=Path, metavar="FOLDER", help="for figures (default: that of --out)")
        if name in given and name != "all":  # a benchmark is imported if it is asked for alone: some need torch
            importlib.import_module(f"benchmarks.{name}").add_options(command)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not an integer, 1 or above")
    return number


if __name__ == "__main__":
    sys.exit(main())
