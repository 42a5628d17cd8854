"""Text for command lines of Hydra's."""

from __future__ import annotations

__all__ = ["quoted"]


def quoted(text: object) -> str:
    """Return a value that Hydra's override grammar reads as this text."""
    return "'" + str(text).replace("\\", "\\\\").replace("'", "\\'") + "'"
