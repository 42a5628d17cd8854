"""The analysis of three layers: zeros of both matrices, regimes, slopes at finite width, the blow-up."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import condense
from analysis import analyse, figures
from analysis.figures import NothingToDrawError
from analysis.observe import observe
from analysis.over import over
from analysis.stats.finite import finite_width
from condense import records, schema
from condense.planes import layers
from condense.theory import behind

PLACES = [(gamma3, gamma2) for gamma3 in (1.0, 2.0, 3.0) for gamma2 in (0.0, 0.5)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A sweep of three layers over a small grid."""
    folder = tmp_path_factory.mktemp("three")
    condense.simulate(
        init=[schema.ThreeLayer(*place) for place in PLACES],
        network="three_layer",
        widths=[40, 80, 160],
        seeds=[0, 1],
        flow=schema.Exponential(rtol=0.1),
        measure=schema.Measure(observables=["relative_change"]),
        folder=folder,
    )
    return folder


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_theory_and_zeros_are_told_of_both_matrices(folder):
    found = analyse(folder)
    assert behind(found.runs).name == "three-layer ReLU"
    assert (found.block, found.matrices) == ("w1", ["w2"])
    assert set(found.boundaries) == {"w1", "w2", "a", "w2_op", "theta"}
    zeros = found.boundaries["w2"].set_index("gamma2")["gamma3_theory"]
    assert zeros.to_dict() == {0.0: 3.0, 0.5: 2.5}
    table = found.exponents.set_index(["gamma3", "gamma2"])
    assert table.loc[(2.0, 0.0), "S_w1_predicted"] == pytest.approx(1 / 6)
    assert table.loc[(1.0, 0.0), "regime"] == table.loc[(1.0, 0.0), "regime_predicted"] == "linear"


def test_slopes_at_finite_width_are_the_local_ones(folder):
    found = analyse(folder).exponents.set_index(["gamma3", "gamma2"])
    assert np.isnan(found.loc[(1.0, 0.0), "S_w1_finite"])  # on the linear side there is no formula
    for block in ("w1", "w2", "a"):
        assert found.loc[(3.0, 0.0), f"S_{block}_finite"] == pytest.approx(
            found.loc[(3.0, 0.0), f"S_{block}_predicted"], abs=0.05
        )


def test_slopes_of_an_exact_solution_of_the_rule():
    """RD from kappa prod (m + G)^(1/2) = 1: a least-squares line through it has the slope that is told."""
    widths = np.geomspace(200, 3200, 9)
    gain = widths ** (2 * 2.0 / 3) - widths  # at gamma3 = 2, gamma2 = 0: (m + G)^(3/2) = m^2
    rd = np.sqrt(gain / widths)
    runs = pd.DataFrame(
        {"initialisation": "three_layer", "gamma3": 2.0, "gamma2": 0.0, "width": widths, "rd_a": rd, "seed": 0}
    ).assign(network="three_layer", activation="relu", flow="exponential", converged=True)
    points = pd.MultiIndex.from_tuples([("three_layer", 2.0, 0.0)], names=["initialisation", "gamma3", "gamma2"])
    told = finite_width(runs, points, behind(runs))
    slope = np.polyfit(np.log(widths), np.log(rd), 1)[0]
    assert told["S_a_finite"].item() == pytest.approx(slope, rel=0.01)
    assert told["S_w2_finite"].item() == pytest.approx(slope - 0.5, rel=0.02)
    assert told["S_a_finite"].item() > layers.exponents(2.0, 0.0)["a"] + 0.02


def test_the_map_of_regimes_tells_which_matrix_is_condensed(folder):
    ax = figures.regime_map(analyse(folder).exponents)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "w1 linear, w2 linear" in labels
    assert sum("S_" in label and "theory" in label for label in labels) == 2
    with pytest.raises(NothingToDrawError, match="w2 has no intervals"):
        figures.regime_map(analyse(folder).exponents.drop(columns="S_w2_low"))


def test_a_line_of_the_plane_shows_the_slopes_at_these_widths(folder):
    table = analyse(folder).exponents
    ax = figures.phase_diagram(table[table["gamma2"] == 0.0], block="w2")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any(label.startswith("theory at these widths") for label in labels)


@pytest.mark.parametrize("column", ["S_w2", "S_a", "rd_w2"])
def test_a_block_is_observed_of_a_folder_that_is_not_there_yet(tmp_path, column):
    assert observe(tmp_path / "nothing", column).empty


def test_a_block_is_observed(folder):
    found = observe(folder, "S_w2").set_index(["gamma3", "gamma2"])
    assert found["value"].notna().all()
    assert (found["repeats"] == 2).all()


def test_scales_that_were_spelled_out_are_axes_if_they_are_asked_for():
    init = [schema.SpelledOutLayers(betas=[beta] * 3, antisymmetric=False) for beta in ("0.1", "0.2")]
    runs = condense.simulate(
        init=init, network="three_layer", widths=[20], seeds=[0, 1], flow=schema.Exponential(stop=0.5, relative=True)
    )
    table = over(runs, "rd_w1", ["beta_w1"]).table
    assert table["beta_w1"].tolist() == [0.1, 0.2]
    assert (table["runs"] == 2).all()
    assert over(runs, "rd_w1", ["kappa"]).table["kappa"].tolist() == pytest.approx([0.001, 0.008])


def test_the_blow_up_is_a_line_that_ends_at_zero():
    runs = condense.simulate(
        init=schema.SpelledOutLayers(betas=[1e-4] * 3, antisymmetric=False),
        network="three_layer",
        activation="tanh",
        data="sines_5d",
        widths=[20],
        seeds=[0],
        flow=schema.Exponential(stop=0.99, relative=True),
        measure=schema.Measure(observables=["relative_change", "energy"]),
        snapshots=schema.Snapshots(per_decade=50, weights=False),
    )
    curves = records.curves(runs)
    ax = figures.blow_up(curves)
    run, line = ax.get_lines()[:2]
    late = run.get_ydata() < 0.1 * line.get_ydata()[0]
    slope = np.polyfit(run.get_xdata()[late], run.get_ydata()[late], 1)[0]
    assert slope == pytest.approx(-curves["z_norm"].iloc[0], rel=0.05)
    assert "two layers" in ax.get_legend().get_texts()[-1].get_text()
    shown = figures.rank_one(curves).get_lines()
    assert shown[0].get_ydata()[-1] > 20 * shown[1].get_ydata()[-1]  # one singular value alone has grown
    told = curves.iloc[-1]
    assert told["top_share_w2"] == pytest.approx(1, abs=0.01)
    with pytest.raises(NothingToDrawError, match="no singular values of W2 to draw"):
        figures.rank_one(curves.drop(columns=[f"singular_w2_{place}" for place in range(1, 5)]))
    with pytest.raises(NothingToDrawError, match="add energy to measure.observables"):
        figures.blow_up(curves.drop(columns="energy"))
    with pytest.raises(NothingToDrawError, match="no run was looked at while its energy was above 0"):
        figures.blow_up(curves.assign(energy=-1.0))
