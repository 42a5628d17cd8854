"""A data set: inputs and targets as checked arrays of floats."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Dataset"]

Array = NDArray[np.float64]

READABLE = "biufOSU"
"""Kinds of numpy's types that may hold real numbers: dates would become numbers too, complex ones lose a part."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs x of shape (n, d) or (n,) and targets y of shape (n,) or (n, 1), with a name for tables.

    They are anything that numpy or torch knows as an array of real numbers; kept are float64. For modules of torch x
    may have more dimensions, (n, 3, 32, 32) say, and y several outputs a row, (n, k). `x_test` and `y_test` are a test
    set, if there is one. `lines` are the lines of a text file that the rows come from.

    Raises:
        ValueError: no rows, other shapes, values that are no finite real numbers, or targets that are all zero.
    """

    x: Array
    y: Array
    name: str = "arrays"
    lines: tuple[int, ...] = ()
    x_test: Array | None = None
    y_test: Array | None = None

    def __post_init__(self) -> None:
        self._settle("x", "y")
        self._check(self.x, self.y, self.name)
        if self.x_test is not None and self.y_test is not None:
            self._settle("x_test", "y_test")
            name = f"{self.name}, test set"
            self._check(self.x_test, self.y_test, name)
            for label, train, test in (("x", self.x, self.x_test), ("y", self.y, self.y_test)):
                if train.shape[1:] != test.shape[1:]:
                    raise ValueError(
                        f"{name}: {label} has shape {test.shape}, in training {train.shape}; all but the number of "
                        "rows has to be the same"
                    )
        elif self.x_test is not None or self.y_test is not None:
            there = "x_test" if self.y_test is None else "y_test"
            raise ValueError(f"{self.name}: {there} alone is no test set; allowed are x_test and y_test, or neither")

    def _settle(self, input: str, target: str) -> None:
        x, y = (_floats(f"{self.name}: {key}", getattr(self, key)) for key in (input, target))
        object.__setattr__(self, input, x[:, None] if x.ndim == 1 else x)
        object.__setattr__(self, target, y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y)

    @staticmethod
    def _check(x: Array, y: Array, name: str) -> None:
        if x.ndim == 0 or y.ndim == 0:
            raise ValueError(
                f"{name}: x has shape {x.shape} and y {y.shape}: one number is no data; allowed are (n, d) and (n,)"
            )
        if len(x) != len(y):
            raise ValueError(f"{name}: x has shape {x.shape} and y {y.shape}; allowed are (n, d) and (n,)")
        if x.size == 0:
            raise ValueError(f"{name}: x has shape {x.shape}: no rows, or no columns, to train on")
        for label, values in (("x", x), ("y", y)):
            bad = np.argwhere(~np.isfinite(values))
            if len(bad):
                first = f"{label}[{', '.join(map(str, bad[0]))}] = {values[tuple(bad[0])]}"
                raise ValueError(
                    f"{name}: {len(bad)} of {values.size} values of {label} are NaN or infinite, the first is {first}"
                )
        if not y.any():
            raise ValueError(
                f"{name}: the target y is zero everywhere: a network that starts at 0 has nothing to learn"
            )

    def check_scalar(self) -> None:
        """Refuse what only modules of torch are trained on.

        Raises:
            ValueError: inputs that are no vectors, or several outputs a row.
        """
        x, y, name = self.x, self.y, self.name
        if y.ndim != 1:
            raise ValueError(
                f"{name}: y has shape {y.shape}; targets are scalars, one a row: shape ({len(x)},), "
                "so choose one column, y[:, 0] say; network=module has several outputs"
            )
        if x.ndim > 2:
            raise ValueError(f"{name}: x has shape {x.shape}; allowed is (n, d): x.reshape(len(x), -1) say")

    def split(self, share: float, seed: int) -> Dataset:
        """Return the data with a share of the rows, drawn by the seed, as the test set.

        Raises:
            ValueError: no row would be left to one of both, or there is a test set.
        """
        n = len(self.x)
        count = round(share * n)
        if self.x_test is not None:
            raise ValueError(f"{self.name}: data.test = {share} beside the test set that these data have: leave it out")
        if not 0 < count < n:
            raise ValueError(f"{self.name}: data.test = {share} of {n} rows leaves no row to test, or to train on")
        order = np.random.default_rng([seed, n]).permutation(n)
        test, train = np.sort(order[:count]), np.sort(order[count:])
        lines = tuple(self.lines[row] for row in train) if self.lines else ()
        return Dataset(self.x[train], self.y[train], self.name, lines, self.x[test], self.y[test])

    def place(self, row: int) -> str:
        """Return where a row stands: "line 3" of a text file, else "x[1]"."""
        return f"line {self.lines[row]}" if self.lines else f"x[{row}]"

    @functools.cached_property
    def digest(self) -> str:
        """A hash of the content."""
        content = repr(self.x.shape).encode() + self.x.tobytes() + self.y.tobytes()
        if self.x_test is not None and self.y_test is not None:
            content += repr(self.x_test.shape).encode() + self.x_test.tobytes() + self.y_test.tobytes()
        return hashlib.sha256(content).hexdigest()[:16]


def _floats(label: str, values: Any) -> Array:
    try:
        array = np.asarray(_in_memory(values))
    except Exception as error:  # ragged lists, tensors of other kinds: each library has errors of its own
        raise ValueError(f"{label} is not an array of numbers: {error}") from error
    if np.ma.is_masked(values):
        raise ValueError(f"{label} has masked values; leave their rows out")
    if array.dtype.kind not in READABLE:
        advice = f", {label[-1]}.real say" if array.dtype.kind == "c" else ""
        raise ValueError(f"{label} has values of type {array.dtype}; allowed are real numbers{advice}")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{label}: a value is not a number ({error})") from error


def _in_memory(values: Any) -> Any:
    """Return a tensor of torch's, on any device and of any precision, as one that numpy takes; others as they are."""
    if not hasattr(values, "detach"):
        return values
    tensor = values.detach().cpu()
    return tensor.double() if tensor.is_floating_point() else tensor
