"""A data set: even points of two waves."""

import numpy as np

from condense.data import Dataset
from condense.registry import DATA, REGISTRY


def waves(samples=12):
    x = np.linspace(-1, 1, samples)
    return Dataset(x, np.sin(3 * x) + 0.5 * np.cos(5 * x), "waves")


DATA["waves"] = ("samples",)
REGISTRY["data"]["waves"] = "waves.waves"
