"""Trains cases one at a time by `growing_descent`, in a process of its own.

    echo '[[0.6, 0.0, 1000, 0]]' | python -m benchmarks.baselines --growth 1.05

reads (gamma, gamma', width, seed) of every run and prints a line of JSON: an object a run with its seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from benchmarks.baselines.case import Case
from benchmarks.baselines.descent import growing_descent


def main() -> None:
    """Train all cases of the standard input."""
    parser = argparse.ArgumentParser("python -m benchmarks.baselines")
    parser.add_argument("--growth", type=float, default=1.05)
    options = parser.parse_args()
    print(json.dumps([_trained(case, options.growth) for case in json.load(sys.stdin)]))


def _trained(case: list[Any], growth: float) -> dict[str, Any]:
    started = time.perf_counter()
    outcome = growing_descent(Case(*case), growth=growth)
    return {"case": case, **outcome.as_json(), "seconds": time.perf_counter() - started}


if __name__ == "__main__":
    main()
