"""What a user's network raises, told by its name and the width. No torch here until something was raised."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from condense.registry import said

__all__ = ["NetworkError", "name", "out_of_memory", "raised"]


class NetworkError(ValueError):
    """A user's network raised an error; the message says which, where and what."""


def name(user: Any) -> str:
    """Return what a user's network is called in messages."""
    label = getattr(user, "label", None)  # of modules of torch, which are all of one class
    return f"network {label if isinstance(label, str) else type(user).__name__}"


@contextlib.contextmanager
def raised(user: Any, where: str) -> Iterator[None]:
    """Tell what the user's code raises in the body as "network Net: forward at width 100 raised KeyError: 'b'".

    Args:
        user: the network.
        where: what the body does, "forward at width 100" say.

    Raises:
        NetworkError: the body raised an error that says nothing of the network. Memory that is not there stays what it
            is: it is no fault of the network's.
    """
    try:
        yield
    except NetworkError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        raise NetworkError(f"{name(user)}: {where} raised {said(error)}") from error


def out_of_memory(error: Exception) -> bool:
    """Return whether numpy, torch on the CPU or torch on CUDA found no memory."""
    import torch

    kinds = MemoryError, torch.cuda.OutOfMemoryError
    return isinstance(error, kinds) or "DefaultCPUAllocator: can't allocate memory" in str(error)
