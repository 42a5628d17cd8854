"""Seconds a point that a launcher adds, on points with next to nothing to compute.

    python -m benchmarks.orchestration [--points 117 1681] [--launchers local basic]

A sweep of N points and one of a single point are timed, start-up of Python, torch and Hydra included in both; the
difference over N - 1 is what a point adds. Then the same command again, which finds everything done.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIVIAL = ("widths=[4]", "seeds=[0]", "flow.max_steps=1")


def seconds(points: int, launcher: str, folder: Path) -> float:
    """Return the wall time of a sweep of trivial points into a folder."""
    places = ",".join(f"{0.5 + k / 10000:.4f}" for k in range(points))
    sweep = (f"hydra/launcher={launcher}", f"hydra.sweep.dir={folder}", f"init.gamma={places}")
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "condense", "-m", *sweep, *TRIVIAL], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def measure(points: int, launcher: str) -> dict[str, float | int | str]:
    """Return what a point costs when it is computed, and when it is found done."""
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder) / "one", Path(folder) / "many"
        first = [seconds(1, launcher, one), seconds(points, launcher, many)]
        again = [seconds(1, launcher, one), seconds(points, launcher, many)]
    return {
        "launcher": launcher,
        "points": points,
        "one_point_seconds": round(first[0], 2),
        "seconds_a_point": round((first[1] - first[0]) / (points - 1), 4),
        "seconds_a_point_done": round((again[1] - again[0]) / (points - 1), 4),
    }


def main() -> None:
    """Print a JSON line for every launcher and number of points."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--points", type=int, nargs="+", default=[117, 1681])
    parser.add_argument("--launchers", nargs="+", default=["local", "basic"])
    options = parser.parse_args()
    for points in options.points:
        for launcher in options.launchers:
            print(json.dumps(measure(points, launcher)), flush=True)


if __name__ == "__main__":
    main()
