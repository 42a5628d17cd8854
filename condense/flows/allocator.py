"""Memory that a step of torch frees is kept for the next step."""

from __future__ import annotations

import ctypes
import functools

__all__ = ["keep_freed_memory"]

LARGEST = 2**25
"""Bytes of an array that is still taken from the kept memory; the C library allows no more."""

KEPT = 2**30
"""Bytes that a process keeps at most."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@functools.cache
def keep_freed_memory() -> None:
    """Have the C library keep what is freed, where it is glibc; elsewhere do nothing.

    As it is, it hands arrays of some megabytes back to the system at every step and asks for them again at the next,
    zeroed page by page: for a stack of modules that takes longer than what is computed.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_M_MMAP_THRESHOLD, LARGEST)
    mallopt(_M_TRIM_THRESHOLD, KEPT)
