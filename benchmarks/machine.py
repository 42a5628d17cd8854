"""What a measurement was taken on: the machine, the versions, the code, the day."""

from __future__ import annotations

import datetime
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measure import cores
from condense.runs.provenance import provenance

__all__ = ["facts"]

PACKAGES = ("torch", "numpy", "numba", "scipy", "torchdiffeq", "hydra-core")


def facts() -> dict[str, Any]:
    """Return processor, cores, memory, load, versions, git commit and date."""
    code = provenance()
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        "commit": code["commit"],
        "dirty": code["dirty"],
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    """Return the model as Linux tells it, with its family where the name says little."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    known = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = known.get("model name", platform.processor())
    return f"{name} (family {known.get('cpu family', '?')}, model {known.get('model', '?')})"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
