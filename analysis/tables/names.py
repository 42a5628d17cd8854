"""Names that are read from files and become parts of other names."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable

__all__ = ["nearest", "plain_name", "shortened"]

_FORM = re.compile(r"[^\W_][\w=.,+-]*")

LONGEST = 100
"""Bytes that are kept as they are: a file's name has 255."""


def plain_name(text: str) -> str:
    """Return a text as it can be part of a file's name and of a formula: itself, or what is plain of it and a hash.

    >>> plain_name("activation=tanh"), plain_name("../../x")
    ('activation=tanh', 'x_9cdf6a50')
    """
    if _FORM.fullmatch(text) and len(text.encode()) <= LONGEST:
        return text
    kept = re.sub(r"[^\w=.,+-]", "_", text).lstrip("_=.,+-")[:24]
    return "_".join([*filter(None, [kept]), hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]])


def shortened(name: str, most: int = 24) -> str:
    """Return a name with dots for its middle if it has more letters than that.

    >>> shortened("encoder.layers.0.self-attn.in_proj_weight"), shortened("w1")
    ('encoder.laye…proj_weight', 'w1')
    """
    return name if len(name) <= most else f"{name[: most // 2]}…{name[len(name) - (most - 1) // 2 :]}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name closest to a mistyped one, "" if none is close.

    >>> nearest("stile", ["style", "width"]), nearest("x", ["style", "width"])
    ('style', '')
    """
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), "")
