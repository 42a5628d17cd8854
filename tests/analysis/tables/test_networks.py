"""The plane of every network, whatever its blocks are called."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import pytest
import torch

from analysis.cli import main
from analysis.pipeline import analyse
from analysis.report.text import report
from analysis.stats.regimes import measured
from condense import schema, simulate
from condense.registry import REGISTRY

FALL = {"stop": 0.3, "relative": True}


@dataclass
class Named:
    """Two layers whose blocks have names of your choice."""

    first: str
    last: str

    @property
    def scales(self) -> dict[str, tuple[float, float]]:
        return {self.first: (0.5, -0.5), self.last: (0.5, 0.5)}

    def init(self, generator: torch.Generator, m: int) -> dict[str, torch.Tensor]:
        drawn = torch.randn((m, 3), generator=generator, dtype=torch.float64)
        return {self.first: drawn[:, :2], self.last: drawn[:, 2]}

    def forward(self, params: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        w = params[self.first]
        return torch.relu(x @ w[:, :1].T + w[:, 1]) @ params[self.last]


TORCH = "encoder.layers.0.self-attn.in_proj_weight"

NETWORKS = {
    **{name: ({"network": name}, ["w", "a"]) for name in REGISTRY["network"] if name != "factorisation"},
    "three_layer": (
        {"network": "three_layer", "init": [schema.ThreeLayer(x, y) for x in (1.2, 1.8) for y in (-0.2, 0.2)]},
        ["w1", "w2", "a", "w2_op"],
    ),
    "residual": (
        {"network": schema.Network(name="residual", kwargs={"inputs": 1, "activations": ["tanh"] * 2})},
        ["w1", "w2", "a"],
    ),
    "dropout": ({"network": schema.Network(keep=0.9), "flow": schema.Adam(**FALL)}, ["w", "a"]),
    "own": ({"network": Named("u", "v")}, ["u", "v"]),
    "of torch": ({"network": Named(TORCH, "0.bias")}, [TORCH, "0.bias"]),
    "other letters": ({"network": Named("γ_1", "Ü")}, ["γ_1", "Ü"]),
    "outputs first": ({"network": Named("a", "b")}, ["b", "a"]),
}
"""The options of each and its blocks, first the one that decides the regimes."""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a network's plane, computed once."""
    folders: dict[str, Path] = {}

    def computed(name: str) -> Path:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp("plane")
            options = {"flow": schema.Exponential(**FALL), **NETWORKS[name][0], "folder": folders[name]}
            grid = {} if "init" in options else {"gamma": [0.8, 1.3], "gamma_prime": [-0.2, 0.2]}
            simulate(**grid, widths=[20, 40], seeds=[0, 1], **options)
        return folders[name]

    return computed


@pytest.mark.parametrize("name", NETWORKS)
def test_every_block_has_an_exponent_and_one_decides(plane, name):
    found, blocks = analyse(plane(name)), NETWORKS[name][1]
    assert found.block == blocks[0]
    assert found.exponents[[f"S_{block}" for block in [*blocks, "theta"]]].notna().all(axis=None)
    low, high = (found.exponents[f"S_{blocks[0]}_{end}"] for end in ("low", "high"))
    assert found.exponents["regime"].tolist() == measured(low, high).tolist()
    title = f"zero of S_{blocks[0]} along gamma"
    assert any(title in str(getattr(part, "title", "")) for part in report(found, []))


def test_networks_of_different_blocks_in_one_sweep_have_all_their_figures_without_tex(plane, tmp_path, capsys):
    for name in ("residual", "of torch"):
        shutil.copytree(plane(name), tmp_path / name)
    with mpl.rc_context({"text.usetex": True}):
        assert main([str(tmp_path)]) == 0
    drawn = {folder.name: {path.stem for path in folder.glob("*.png")} for folder in (tmp_path / "analysis").iterdir()}
    maps = ["phase_diagram", "phase_diagram_theta", "relative_change", "relative_change_map"]
    assert drawn == {
        "network=residual": {*maps, "phase_diagram_w2", "phase_diagram_a", "regime_map"},
        f"network={Named.__module__}.Named": {*maps, "phase_diagram_0.bias"},
    }
    assert "theory:" not in capsys.readouterr().out  # there is none


@pytest.mark.parametrize("observables", [["clusters"], []])
def test_a_plane_without_relative_changes_says_so(tmp_path, capsys, observables):
    for virtual in (schema.Virtual(), schema.Virtual(widths=[10**6, 10**7], neurons=[30, 20])):
        measure = schema.Measure(observables=observables)
        options = {"flow": schema.Exponential(**FALL), "measure": measure, "virtual": virtual}
        simulate([0.8, 1.3], widths=[20, 40], seeds=[0, 1], folder=tmp_path, **options)
    assert main([str(tmp_path)]) == 0
    assert "relative changes were not measured; add relative_change to measure.observables" in capsys.readouterr().out
