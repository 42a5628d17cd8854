"""conf/ says what the dataclasses say: the defaults are the same, key by key."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from condense import schema
from condense.cli import config_folder, register_schema

CHOICES = {
    "flow": schema.FLOWS,
    "init": {"plane": schema.Plane, "three_layer": schema.ThreeLayer},
    "network": {"two_layer": schema.Network, "module": schema.Module},
    "data": {"parabola": schema.Data},
    "measure": {"default": schema.Measure},
    "snapshots": {"default": schema.Snapshots},
    "virtual": {"default": schema.Virtual},
}


@pytest.fixture
def composed():
    register_schema()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        yield lambda *overrides: OmegaConf.to_container(compose("config", list(overrides)), resolve=True)
    GlobalHydra.instance().clear()


def test_the_config_without_a_word_is_that_of_the_dataclasses(composed):
    assert schema.Config.of(composed()) == schema.Config()


@pytest.mark.parametrize(("group", "choice"), [(group, name) for group in CHOICES for name in CHOICES[group]])
def test_a_file_has_the_defaults_of_its_dataclass(composed, group, choice):
    kind = CHOICES[group][choice]
    beside = {
        ("flow", "torch"): ["network=module"],
        ("network", "module"): ["flow=torch"],
        ("init", "three_layer"): ["network=three_layer"],
    }
    other = beside.get((group, choice), [])
    made = getattr(schema.Config.of(composed(f"{group}={choice}", *other)), group)
    if group == "init":  # the config says what null stands for
        assert made.antisymmetric is True
        made = replace(made, antisymmetric=None)
    assert (type(made), asdict(made)) == (kind, asdict(kind()))
    listed = yaml.safe_load((config_folder() / group / f"{choice}.yaml").read_text())
    of_others = {"name", "samples", "seed"} if group == "data" else {"name"}  # the parabola is not drawn
    assert {each.name for each in fields(kind)} - listed.keys() <= of_others


@pytest.mark.parametrize("path", sorted(config_folder().glob("*/*.yaml"), key=str), ids=lambda path: path.stem)
def test_a_file_names_no_key_that_there_is_not(path: Path):
    group = path.parent.name
    if group not in CHOICES:
        return
    content = yaml.safe_load(path.read_text()) or {}
    kinds = (*CHOICES[group].values(), schema.Named, schema.SpelledOut, schema.SpelledOutLayers)
    known = {each.name for kind in kinds for each in fields(kind)}
    assert content.keys() - {"defaults"} <= known
