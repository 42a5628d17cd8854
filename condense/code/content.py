"""What an object is, by content: numbers, arrays, functions, classes, and objects by their state.

Nothing depends on addresses or on `repr` of what may abbreviate. What is defined in files is named here, its files
being hashed elsewhere (`condense.code.sources`); what is defined in a notebook or a script is taken by its compiled
code, with all that this refers to. No torch here, unless the object is of torch.
"""

from __future__ import annotations

import copyreg
import dis
import functools
import json
import operator
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from condense.code import sources

__all__ = ["Content", "UnidentifiedError"]

Token = Any
"""Plain values in lists; of what holds others the hash."""

PASSED = {"__module__", "__dict__", "__weakref__", "__doc__", "__annotations__", "__qualname__", "__slotnames__"}
PASSED |= {"_abc_impl", "__abstractmethods__", "__orig_bases__", "__parameters__", "__dataclass_fields__"}
PASSED |= {"__dataclass_params__", "__match_args__", "__firstlineno__", "__static_attributes__"}
"""What Python keeps in a class besides what was written there."""

WRAPPERS = (property, staticmethod, classmethod, functools.cached_property)

CODE: tuple[str, ...] = (
    "co_code",
    "co_exceptiontable",
    "co_consts",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
)
CODE += ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_flags")
"""What a function does, without where it was written."""


class UnidentifiedError(ValueError):
    """Something has no content by which it could be told from another."""


class Content:
    """Content of objects, and the user's modules that they come from."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self._open: list[int] = []
        self._done: dict[int, tuple[Any, str]] = {}  # with what it is, lest its address is used again

    def hashed(self, value: Any) -> str:
        """Return the hash of a value.

        Raises:
            UnidentifiedError: a part of it cannot be identified; the message names its type.
        """
        try:
            return sources.digest(json.dumps(self._token(value)).encode())
        except RecursionError:
            raise UnidentifiedError("it is nested too deeply to be identified") from None

    def _token(self, value: Any) -> Token:
        if value is None or value is Ellipsis or type(value) in (bool, int, float, complex, str):
            return [type(value).__name__, repr(value)]
        if id(value) in self._open:  # it holds itself
            return len(self._open) - self._open.index(id(value))
        if id(value) not in self._done:
            self._open.append(id(value))
            try:
                self._done[id(value)] = value, sources.digest(json.dumps(self._compound(value)).encode())
            finally:
                self._open.pop()
        return self._done[id(value)][1]

    def _compound(self, value: Any) -> Token:
        kind = type(value)
        if kind is bytes:
            return ["bytes", sources.digest(value)]
        if kind is np.ndarray and value.dtype != object:
            return ["array", str(value.dtype), list(value.shape), sources.digest(np.ascontiguousarray(value).tobytes())]
        if (kind.__module__, kind.__name__) in (("torch", "Tensor"), ("torch.nn.parameter", "Parameter")):
            return _tensor(value)
        if kind in (list, tuple):
            return [kind.__name__, [self._token(part) for part in value]]
        if kind in (set, frozenset):
            return [kind.__name__, sorted(json.dumps(self._token(part)) for part in value)]
        if kind is dict:
            return ["dict", [[self._token(key), self._token(part)] for key, part in value.items()]]
        return self._code(value)

    def _code(self, value: Any) -> Token:
        """Return what a module, class or function is, or what wraps one; of any other object its state."""
        if isinstance(value, types.ModuleType):
            self.modules.add(value.__name__)
            return ["module", value.__name__]
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.CodeType):
            self.modules.update(_named_by("IMPORT_NAME", code=value))
            return ["code", [self._token(getattr(value, part)) for part in CODE]]
        if isinstance(value, WRAPPERS):
            parts = [getattr(value, name, None) for name in ("fget", "fset", "fdel", "__func__", "func")]
            return [type(value).__name__, self._token(parts)]
        if hasattr(value, "__wrapped__"):  # a function with a cache
            return ["wrapped", type(value).__name__, self._token(value.__wrapped__)]
        return self._object(value)

    def _class(self, kind: type) -> Token:
        name = ["class", kind.__module__, kind.__qualname__]
        if not self._is_live(kind):
            return name
        written = {key: part for key, part in sorted(vars(kind).items()) if key not in PASSED}
        return [*name, self._token(kind.__bases__), self._token(written)]

    def _function(self, function: types.FunctionType) -> Token:
        name = ["function", function.__module__, function.__qualname__]
        cells = [_content(cell) for cell in function.__closure__ or ()]
        if not self._is_live(function):  # one that a library made holds what the user gave it
            return [*name, self._token(cells)]
        names = _named_by("LOAD_GLOBAL", "LOAD_NAME", code=function.__code__)
        used = {name: function.__globals__[name] for name in names if name in function.__globals__}
        bound = [function.__defaults__, function.__kwdefaults__, cells, used]
        return [*name, self._token(function.__code__), self._token(bound)]

    def _is_live(self, value: Any) -> bool:
        """Whether a class or function is the user's and not what its name leads to in a file, whose module is noted."""
        own = sources.is_own(value.__module__ or "")
        if own:
            self.modules.add(value.__module__)
            return _named_in_module(value) is not value
        return sources.is_live(value.__module__ or "__main__")

    def _object(self, value: Any) -> Token:
        reduced = _reduced(value)
        kind = type(value)
        if isinstance(reduced, str):
            return ["named", kind.__module__, kind.__qualname__, getattr(value, "__module__", None), reduced]
        return ["object", [self._token(list(part) if isinstance(part, Iterator) else part) for part in reduced]]


def _reduced(value: Any) -> Any:
    """Return what pickle would make an object from."""
    try:
        reduce = copyreg.dispatch_table.get(type(value))
        return value.__reduce_ex__(2) if reduce is None else reduce(value)
    except Exception as error:
        raise UnidentifiedError(
            f"it holds a {type(value).__module__}.{type(value).__qualname__}, which cannot be identified ({error}): a "
            "change of it would go unnoticed. Keep numbers, texts, arrays, functions and objects of these, or leave it "
            "out of what __getstate__ returns"
        ) from error


def _tensor(value: Any) -> Token:
    import torch

    content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return ["tensor", str(value.dtype), list(value.shape), sources.digest(content.tobytes())]


def _named_in_module(value: Any) -> Any:
    try:
        return operator.attrgetter(value.__qualname__)(sys.modules[value.__module__])
    except (KeyError, AttributeError):
        return None


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "an empty cell"


def _named_by(*operations: str, code: types.CodeType) -> list[str]:
    """Return the names that some operations of code, and of the code in it, take."""
    inner = (part for part in code.co_consts if isinstance(part, types.CodeType))
    mine = (each.argval for each in dis.get_instructions(code) if each.opname in operations)
    return sorted({*mine, *(name for part in inner for name in _named_by(*operations, code=part))})
