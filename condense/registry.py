"""Names of what a user chooses, each standing for a dotted path; a user's own path comes in by the same door."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["DATA", "REGISTRY", "check", "located", "nearest", "resolve", "said"]

DATA: Mapping[str, tuple[str, ...]] = {
    "parabola": (),
    "two_ramps": (),
    "four_ramps": ("samples",),
    "sines_1d": ("samples",),
    "sines_3d": ("samples", "seed"),
    "sines_5d": ("samples", "seed"),
    "digits": ("samples", "seed"),
    "mnist": ("samples", "seed"),
    "matrix": ("seed",),
    "completion": ("samples", "seed"),
}
"""The data sets of `condense.data.known`, with the settings that each takes."""

REGISTRY: Mapping[str, Mapping[str, str]] = {
    "activation": {
        name: f"condense.networks.activations.{name}"
        for name in ("relu", "leaky_relu", "tanh", "x_tanh", "x2_tanh", "sigmoid", "softplus", "gelu")
    },
    "network": {
        "two_layer": "condense.networks.two_layer.TwoLayer",
        "three_layer": "condense.networks.three_layer.ThreeLayer",
        "residual": "condense.networks.residual.Residual",
        "factorisation": "condense.networks.factorised.Factorised",
    },
    "data": {name: f"condense.data.known.{name}" for name in DATA},
    "build": {},
    "loss": {name: f"condense.flows.losses.{name}" for name in ("mse", "half_mse", "cross_entropy", "hinge")},
    "schedule": {name: f"condense.flows.losses.{name}" for name in ("constant", "cosine")},
    "observable": {
        "relative_change": "condense.measure.observables.relative_change",
        "clusters": "condense.measure.observables.clusters",
        "ranks": "condense.measure.observables.ranks",
        "unweighted": "condense.measure.observables.unweighted",
        "reduction": "condense.measure.observables.reduction",
        "alignment": "condense.measure.observables.alignment",
        "product": "condense.measure.product.product",
        "energy": "condense.measure.energy.energy",
        "sharpness": "condense.measure.curvature.sharpness",
        "ntk": "condense.measure.curvature.ntk",
    },
}


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ", did you mean 'x'?" for the known name closest to a mistyped one, or nothing if none is close.

    >>> nearest("rleu", ["relu", "tanh"])
    ", did you mean 'relu'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}?" if close else ""


def check(kind: str, name: str, key: str = "") -> None:
    """Raise ValueError unless `name` is a known name of its kind or has the form of a dotted path.

    >>> check("activation", "rleu")
    Traceback (most recent call last):
    ValueError: activation = 'rleu' is not known, did you mean 'relu'? Known: relu, leaky_relu, tanh, x_tanh, \
x2_tanh, sigmoid, softplus, gelu; or the dotted path of your own, such as mymodule.name
    """
    known = REGISTRY[kind]
    if name in known or ("." in name and all(part.isidentifier() for part in name.split("."))):
        return
    if not known:
        raise ValueError(f"{key or kind} = {name!r} is not allowed: a dotted path, such as mymodule.name")
    guess = nearest(name, known) or "."
    raise ValueError(
        f"{key or kind} = {name!r} is not known{guess} Known: {', '.join(known)}; "
        "or the dotted path of your own, such as mymodule.name"
    )


def resolve(kind: str, name: str, key: str = "") -> Any:
    """Return the object that a known name or a dotted path stands for, in whatever package or class it is nested.

    Raises:
        ValueError: unknown name, no such module, a module that raises when it is imported, or nothing of that name.
    """
    check(kind, name, key)
    return located(REGISTRY[kind].get(name, name), f"{key or kind} = {name!r}")


def located(path: str, what: str) -> Any:
    """Return the object at a dotted path; `what` is said first where there is none.

    Raises:
        ValueError: no such module, a module that raises when it is imported, or nothing of that name.
    """
    module, _, attribute = path.rpartition(".")
    try:
        if module in sys.modules and hasattr(sys.modules[module], attribute):
            return getattr(sys.modules[module], attribute)
        return pkgutil.resolve_name(path)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{what}: {_absence(module, attribute)}") from error
    except (Exception, SystemExit) as error:  # scripts end themselves, some when they are imported
        raise ValueError(f"{what}: {_raised(error)}") from error


def said(error: BaseException) -> str:
    """Return what kind of error it is and the first line of what it says: torch goes on with frames of C++.

    >>> said(KeyError("w"))
    "KeyError: 'w'"
    """
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}".rstrip(": ")


def _absence(module: str, attribute: str) -> str:
    """Say why there is nothing of a name in a module."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        return (
            f"the module {module!r} cannot be imported ({error}); "
            "it must lie in the folder you start from or be installed"
        )
    except (Exception, SystemExit) as error:
        return _raised(error)
    return f"the module {module!r} has no {attribute!r}"


def _raised(error: BaseException) -> str:
    """Say what an import raised, and where."""
    if isinstance(error, SyntaxError):
        file, line, told = error.filename, error.lineno, error.msg
    else:
        last = traceback.extract_tb(error.__traceback__)[-1]
        file, line, told = last.filename, last.lineno, str(error)
    return f"{file}, line {line}, raises {type(error).__name__} when it is imported: {told}"
