from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.stats.regimes import CRITICAL, measured, order_parameter


def test_the_interval_decides():
    low = pd.Series([-0.2, 0.1, -0.1, 0.0, -0.1, np.nan])
    high = pd.Series([-0.1, 0.2, 0.1, 0.05, 0.0, np.nan])
    assert measured(low, high).tolist() == ["linear", "condensed", *["critical"] * 3, "undetermined"]


@pytest.mark.parametrize(("value", "half"), [(0.81, 1.0), (0.0, 0.101), (0.05, 0.06), (-0.3, 0.31)])
def test_an_interval_that_holds_0_and_more_than_what_is_as_good_as_0_determines_nothing(value, half):
    assert measured(pd.Series([value - half]), pd.Series([value + half])).tolist() == ["undetermined"]


@given(st.floats(-2, 2), st.floats(-2, 2))
def test_every_exponent_of_an_interval_is_what_its_regime_says(one, other):
    low, high = sorted([one, other])
    [regime] = measured(pd.Series([low]), pd.Series([high]))
    said = {"linear": high < 0, "condensed": low > 0, "critical": -CRITICAL <= low <= 0 <= high <= CRITICAL}
    assert said.get(regime, not any(said.values()))


def test_theta_stands_in_for_w():
    assert order_parameter(["a", "w", "theta"]) == "w"
    assert order_parameter(["a", "theta", "fc1.weight", "fc2.weight"]) == "fc1.weight"
    assert order_parameter(["a", "theta"]) == "a"
    assert order_parameter([]) == "w"
