import pytest

from condense import schema
from condense.planes.two_layer import PlanePoint, Scales
from condense.run import Run


@pytest.fixture
def run_at():
    """Make runs at a point of the plane."""
    return lambda gamma, gamma_prime, m, seed=0: Run(Scales.at(PlanePoint(gamma, gamma_prime), m), m, seed)


@pytest.fixture(scope="session")
def change_only():
    """Measure the relative change and leave the clusters out."""
    return schema.Measure(observables=["relative_change"])
