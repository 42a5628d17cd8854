from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.regimes import measured, order_parameter, predicted


def test_the_interval_decides():
    low = pd.Series([-0.2, 0.1, -0.1, 0.0, -0.1, np.nan])
    high = pd.Series([-0.1, 0.2, 0.1, 0.3, 0.0, np.nan])
    assert measured(low, high).tolist() == ["linear", "condensed", *["critical"] * 3, "undetermined"]


def test_the_theory_decides_by_the_place():
    points = pd.MultiIndex.from_tuples([("plane", 0.9, 0.0), ("xavier", 1.0, 0.0), ("plane", 1.1, 0.2)])
    assert predicted(points, "w") == ["linear", "critical", "linear"]
    assert predicted(points, "theta") == ["linear", "critical", "condensed"]


def test_theta_stands_in_for_w():
    assert order_parameter(["a", "w", "theta"]) == "w"
    assert order_parameter(["a", "theta", "fc1.weight", "fc2.weight"]) == "fc1.weight"
    assert order_parameter(["a", "theta"]) == "a"
    assert order_parameter([]) == "w"
