"""Deep matrix factorisation: closed forms of two aligned factors, values one at a time, unseen entries, refusals."""

import numpy as np
import pytest
import torch

import condense
from condense import records, schema
from condense.data import Dataset, known
from condense.networks.factorised import Factorised

WAY = schema.Snapshots(per_decade=1000, weights=False)
MEASURE = schema.Measure(observables=["relative_change", "product"])
TO_THE_END = schema.Exponential(stop=1e-4, relative=True, rtol=0.01)


def learned(depth, scale, data="matrix", shape=(10, 10), **options):
    network = schema.Network("factorisation", kwargs={"depth": depth, "shape": list(shape)})
    init = schema.SpelledOut("1", str(scale), "1", antisymmetric=False)
    given = {"widths": [10], "seeds": [0], "flow": TO_THE_END, "measure": MEASURE, **options}
    return condense.simulate(init=init, network=network, data=data, **given)


def test_the_product_and_its_entries():
    network = Factorised(3, (4, 5))
    drawn = network.init(torch.Generator().manual_seed(0), 6)
    assert [tuple(block.shape) for block in drawn.values()] == [(6, 5), (6, 6), (4, 6)]
    whole = drawn["w3"] @ drawn["w2"] @ drawn["w1"]
    torch.testing.assert_close(network.product(drawn), whole)
    places = torch.tensor([[0.0, 0.0], [3.0, 4.0], [1.0, 2.0]], dtype=torch.float64)
    torch.testing.assert_close(network.forward(drawn, places), torch.stack([whole[0, 0], whole[3, 4], whole[1, 2]]))


def test_one_entry_of_two_numbers_follows_the_hyperbolic_solution():
    """f = w2 w1, y: f' is (y - f) (w1^2 + w2^2), w2^2 - w1^2 = c; the time to a share has a closed form."""
    data = Dataset(np.array([[0.0, 0.0]]), np.array([2.0]), "one")
    runs = learned(2, 1.0, data, (1, 1), widths=[1], snapshots=WAY, flow=schema.Exponential(stop=0.05, rtol=1e-3))
    drawn = Factorised(2, (1, 1)).init(torch_generator(0, 1), 1)
    w1, w2 = (drawn[name].item() for name in ("w1", "w2"))
    c = w2**2 - w1**2
    f = np.linspace(w1 * w2, runs_end(runs), 200_001)
    middle = (f[1:] + f[:-1]) / 2
    expected = (np.diff(f) / ((2.0 - middle) * np.sqrt(4 * middle**2 + c**2))).sum()
    assert runs["time"].item() == pytest.approx(expected, rel=0.01)


def torch_generator(seed, m):
    from condense.networks.base import torch_stream

    return torch_stream(seed, m)


def runs_end(runs):
    return 2.0 - runs["mse_final"].item() ** 0.5


def half_heights(scale, depth=3):
    """Return when each of the three values is at half of its height, and the next one's share of its own there."""
    curves = records.curves(learned(depth, scale, snapshots=WAY))
    values = [curves[f"singular_{number}"].to_numpy() for number in (1, 2, 3, 4)]
    found = []
    for place, height in enumerate((4.0, 2.0, 1.0)):
        after = int(np.argmax(values[place] >= height / 2))
        time = np.interp(height / 2, values[place][after - 1 : after + 1], curves["time"][after - 1 : after + 1])
        found.append((time, values[place + 1][after] / (2.0, 1.0, 1.0)[place]))
    return np.array(found).T


def test_singular_values_are_learned_one_at_a_time_in_times_like_one_over_the_scale():
    times, following = half_heights(1e-6)
    assert (np.diff(times) > 0).all()
    assert (following < 1e-3).all()
    smaller = half_heights(1e-9)[0]
    # the clock has eps t in it, which hardly depends on eps; on a plateau the flow's time is right to some percent
    assert smaller[0] == pytest.approx(times[0], rel=0.03)
    assert smaller == pytest.approx(times, rel=0.12)


def test_fewer_lines_and_lower_rank_while_one_value_is_learned():
    curves = records.curves(learned(3, 1e-6, snapshots=WAY))
    plateau = curves[(curves["singular_1"] > 3.9) & (curves["singular_2"] < 0.1)]
    assert (plateau["lines_w1"] <= 2).any()
    assert plateau["rank_w2"].min() < 2.5 < curves["rank_w2"].iloc[0]
    assert plateau["top_share_w2"].max() > 0.9


@pytest.fixture(scope="module")
def completed():
    """The error on unseen entries and the third singular value, by depth and scale of three factors."""
    found = {}
    scale_of_targets = np.mean(known.completion().y_test ** 2)
    for depth, eps in ((3, 1.0), (3, 0.1), (2, 0.1)):
        runs = learned(depth, eps**3 * 30**-1.5, "completion", (30, 30), widths=[30])
        assert runs["converged"].all()
        error = (runs["mse_test"].item() / scale_of_targets) ** 0.5
        found[depth, eps] = error, runs["singular_3"].item()
    return found


def test_small_weights_find_the_entries_that_are_not_seen_and_large_ones_do_not(completed):
    assert completed[3, 0.1][0] < 0.1
    assert completed[3, 1.0][0] > 0.2
    assert completed[3, 0.1][1] < 0.05


def test_three_factors_find_lower_ranks_than_two_of_the_same_scale(completed):
    assert completed[3, 0.1][1] < completed[2, 0.1][1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 1}, r"network.kwargs.depth = 1 is not allowed: an integer, 2 or above"),
        ({"shape": [10]}, r"network.kwargs.shape = \[10\] is not allowed: rows and columns, \[10,10\] say"),
        ({"shape": "10x10"}, r"network.kwargs.shape = '10x10' is not allowed"),
    ],
)
def test_factors_that_are_none(options, message):
    with pytest.raises(ValueError, match=message):
        Factorised(**options)


def test_data_that_are_no_places_in_the_matrix():
    with pytest.raises(ValueError, match=r"network.kwargs.shape = \[10, 10\], but the data are not places"):
        learned(3, 1e-3, "completion")
    with pytest.raises(ValueError, match=r"data.samples = 900: completion has 900 entries, so 1 to 899 are allowed"):
        known.completion(900)


def test_the_product_is_of_factorisations_alone():
    with pytest.raises(ValueError, match="'product' has no effect but with network=factorisation"):
        condense.simulate(measure=MEASURE)
