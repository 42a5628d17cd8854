"""Blocks: the names that blocks of parameters can have, which are part of columns, files and formulas."""

from __future__ import annotations

import re

__all__ = ["check_block"]

FORM = re.compile(r"[^\W_][\w.-]*")

LONGEST = 100
"""Bytes of a name: a file's has 255."""

ENDS = ("_sup", "_low", "_high", "_predicted")
"""How the columns end that are beside those of a block."""

TAKEN = (
    *("key", "step", "time", "mse", "kappa", "final", "copies", "active"),
    *("x", "f", "data_x", "data_y", "field_angle", "field_velocity"),
)
"""What else a snapshot holds, by name, beside the blocks."""


def check_block(name: object, network: str) -> None:
    """Raise ValueError unless a network's block can have this name.

    >>> check_block("w/x y", "network Net")
    Traceback (most recent call last):
    ValueError: network Net: a block is named 'w/x y', which cannot be part of the names of columns and files: \
allowed are letters, digits, '_', '.' and '-', a letter or a digit first, 100 bytes at most; name it otherwise
    """
    reason = _reason(name)
    if reason:
        raise ValueError(f"{network}: a block is named {name!r}, which {reason}; name it otherwise")


def _reason(name: object) -> str:
    if name == "theta":
        return "stands for all of them"
    if name in TAKEN:
        return f"a snapshot has for something else, as it has {', '.join(TAKEN)}"
    if not isinstance(name, str) or not FORM.fullmatch(name) or len(name.encode()) > LONGEST:
        return (
            "cannot be part of the names of columns and files: allowed are letters, digits, '_', '.' and '-', "
            f"a letter or a digit first, {LONGEST} bytes at most"
        )
    if name.endswith(ENDS):
        return f"ends like the columns beside those of a block ({', '.join(ENDS)})"
    return ""
