"""How a process carries out work that may be interrupted, for packages that know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Execution"]


@dataclass(frozen=True)
class Execution:
    """When work stops, what it may take, where its state is kept, and who is told of what is done.

    Attributes:
        stop: Asked every few seconds at most; once true, what is finished is written, the rest saved and left.
        done: Told, with every piece that is on disk, its cost in seconds of one core.
        scratch: Where the state of long work is kept every `checkpoint_minutes` and at a stop, and taken up again from;
            None: nowhere.
        checkpoint_minutes: Between two states.
        memory_gb: Not to be exceeded; None: nothing is known.
        attempt: How many times this work has been started, noted with every result.
    """

    stop: Callable[[], bool] = lambda: False
    done: Callable[[float], None] = lambda cost: None
    scratch: Path | None = None
    checkpoint_minutes: float = 10.0
    memory_gb: float | None = None
    attempt: int = 1
