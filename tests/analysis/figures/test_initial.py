"""Figures of the initial stage: alignment over training, and lines against the scale of the weights."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import figures
from analysis.pipeline import Analysis
from analysis.report.catalogue import COMPARISONS, FIGURES


@pytest.fixture
def ax():
    return Figure().subplots()


def runs(activations=("tanh", "x_tanh", "relu"), scales=(1e-6, 1e-4, 5e-3), seeds=3):
    rows = [
        {
            "initialisation": f"alpha=1,beta1={scale:g},beta2={scale:g}",
            "activation": name,
            "beta2": scale,
            "seed": seed,
            "width": 50.0,
            "flow": "exponential",
            "lines": 1 + place * (scale > 1e-3) * 3 + seed,
            "lines_unweighted": 10 + place,
        }
        for place, name in enumerate(activations)
        for scale in scales
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def labelled(ax):
    return {label: handle for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}


def test_lines_are_means_over_seeds_at_each_scale_and_hollow_above_the_multiplicity(ax):
    figures.lines_by_scale(runs(seeds=1), ax=ax)
    found = labelled(ax)
    assert set(found) >= {"tanh, p = 1", "x_tanh, p = 2", "relu, no p"}
    line = found["x_tanh, p = 2"].lines[0]
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), [1, 1, 4])
    np.testing.assert_allclose(np.asarray(line.get_xdata(), float), [1e-6, 1e-4, 5e-3])
    hollow = [line.get_xydata().tolist() for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert [points for points in hollow if points] == [[[pytest.approx(5e-3), 4.0]]]
    assert {text.get_text() for text in ax.texts} == {"p = 1", "p = 2"}


def test_lines_of_several_seeds_have_intervals(ax):
    figures.lines_by_scale(runs(), "lines_unweighted", ax)
    assert "mean over 3 seeds and its 90% interval" in ax.get_title()
    np.testing.assert_array_equal(labelled(ax)["x_tanh, p = 2"].lines[0].get_ydata(), [11, 11, 11])


def test_lines_need_two_scales(ax):
    with pytest.raises(figures.NothingToDrawError, match="lines is not there at two scales of the weights"):
        figures.lines_by_scale(runs(scales=(1e-4,)), ax=ax)


def test_alignment_draws_the_mean_over_runs(ax):
    rows = [
        {"key": key, "step": step, "flow": "adam", "cosine_z": value, "cosine_z_unweighted": value / 2}
        | {"cosine_sign_z": 1.0, "cosine_sign_z_unweighted": 0.5}
        for key, values in {"a": (0.2, 0.4, 0.8), "b": (0.4, 0.4, 0.6)}.items()
        for step, value in zip((0, 1, 10), values, strict=True)
    ]
    figures.alignment(pd.DataFrame(rows), ax)
    np.testing.assert_allclose(labelled(ax)["to $z$, by amplitude"].get_ydata(), [0.3, 0.4, 0.7])
    np.testing.assert_allclose(labelled(ax)["to $z$, every neuron alike"].get_ydata(), [0.15, 0.2, 0.35])
    assert ax.get_xlabel() == "step"
    with pytest.raises(figures.NothingToDrawError, match=r"add alignment to measure\.observables"):
        figures.alignment(pd.DataFrame({"mse": [1.0]}))


def analysed(table):
    nothing = pd.DataFrame()
    return Analysis(table, nothing, {}, nothing, nothing)


def test_only_scales_spelled_out_at_one_width_are_drawn(ax):
    drawn = FIGURES["lines_by_scale"].draw(analysed(runs()), ax)
    assert "p = 1" in {text.get_text() for text in drawn.texts}
    assert COMPARISONS["lines_by_scale"].draw({"": analysed(runs())}, Figure().subplots())
    for other in (
        runs().assign(initialisation="plane"),
        runs(scales=(1e-4,)),
        runs().assign(width=[50.0, 60.0, 70.0] * 9),
    ):
        with pytest.raises(figures.NothingToDrawError, match="it takes one width and init=spelled_out"):
            FIGURES["lines_by_scale"].draw(analysed(other), Figure().subplots())
