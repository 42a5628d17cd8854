"""Where a result comes from: the version of condense, the commit it was run at, whether that was dirty, the machine."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from front_door.names import version

__all__ = ["provenance"]


@functools.cache
def provenance() -> dict[str, Any]:
    """Return version, git commit and dirty flag of the code, and the host; no commit where condense is no checkout."""
    folder = Path(__file__).parent.parent
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no") if commit else ""
    host = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
    return {"version": version(), "commit": commit, "dirty": bool(changes) if commit else None, "host": host}


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says, or nothing where there is no git or the folder's package is not tracked by it."""
    tracked = ["git", "-C", str(folder), "ls-files", "--error-unmatch", "__init__.py"]
    try:
        subprocess.run(tracked, capture_output=True, check=True)
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
