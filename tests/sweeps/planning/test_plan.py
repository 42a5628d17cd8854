import itertools
import subprocess
import sys

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from condense.cli import config_folder, register_schema
from sweeps.planning.plan import Composer

OWN = """
defaults:
  - place: here
  - _self_
x: 1
twice: ${x}
far: {y: 2.5, list: [1, 2], nothing: null, deep: {z: text, of: "${far.y}"}}
"""

OURS = {
    "init": ["plane", "ntk", "he"],
    "flow": ["descent"],
    "init.antisymmetric": ["false"],
    "network": ["two_layer", "residual"],
    "network.keep": ["1", "0.9", "2"],
    "network.kwargs.inputs": ["1"],
    "network.kwargs": ["null", "{hidden: 3}", "{}", "5"],
    "network.kwargs.hidden": ["4"],
    "network.activation": ["tanh", "null", "1"],
    "flow.stop": ["1e-3", "1", "${flow.max_steps}", "fast"],
    "flow.max_steps": ["100", "1.5"],
    "widths": ["[10,20]", "[]", "7", "${seeds}"],
    "seeds": ["[0]", "[1,2]", "null"],
    "measure": ["{level: 0.8}"],
    "measure.level": ["0.95"],
    "data.samples": ["null", "3"],
    "data.nonsense": ["1"],
    "dtype": ["float32", "'a b'"],
}

THEIRS = {
    "place": ["there"],
    "x": ["5", "text", "null", "[1]", "{a: 1}", "${far.y}"],
    "x.a": ["2"],
    "far": ["{y: 3, new: 4}", "7"],
    "far.y": ["1", "${x}"],
    "far.list": ["[3]", "[]", "[[1],{a: 2}]"],
    "far.list.0": ["9"],
    "far.deep": ["{z: null}"],
    "far.deep.z": ["other"],
    "far.new": ["1"],
    "+far.new": ["2"],
    "~far.nothing": [""],
}


def composers(folder, name):
    register_schema()
    with initialize_config_dir(str(folder), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration(name, [], RunMode.MULTIRUN)
    return loader, master, Composer(loader, master)


def by_hydra(loader, master, lines):
    config = loader.load_sweep_config(master, list(lines))
    plain = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    app = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
    return OmegaConf.to_container(app, resolve=True, enum_to_str=True), plain["hydra"]


@pytest.fixture(scope="module")
def ours():
    return composers(config_folder(), "config")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """An app whose config refers to itself."""
    folder = tmp_path_factory.mktemp("conf")
    (folder / "place").mkdir()
    (folder / "app.yaml").write_text(OWN)
    for name in ("here", "there"):
        (folder / "place" / f"{name}.yaml").write_text(f"name: {name}\n")
    return composers(folder, "app")


def lines_of(options):
    """Return some lines, those first that say what there is to be set: it does not matter where they stand."""
    line = st.sampled_from([f"{key}={value}".rstrip("=") for key, values in options.items() for value in values])
    some = st.lists(line, max_size=4, unique=True)
    return some.map(lambda lines: sorted(lines, key=lambda line: line[0] not in "+~"))


def check(composers, lines):
    """Lines make what Hydra makes of them, or both refuse them."""
    loader, master, composer = composers
    try:
        config, hydra = by_hydra(loader, master, lines)
    except (OmegaConfBaseException, ConfigCompositionException, ValueError) as error:
        with pytest.raises(type(error)):
            composer.compose(lines)
    else:
        composed = composer.compose(lines)
        assert repr(composed.config) == repr(config)
        unlike = {"overrides", "job"}  # they name the values, which are set for each job when its files are written
        for key in hydra.keys() - unlike:
            assert composed.hydra[key] == hydra[key]


@settings(max_examples=30, deadline=None)
@given(lines=lines_of(OURS))
@example(lines=["measure.level=0.95", "measure={level: 0.8}"])
def test_ours_composes_as_hydra_does(ours, lines):
    check(ours, lines)


@settings(max_examples=30, deadline=None)
@given(lines=lines_of(THEIRS))
def test_an_app_that_refers_to_itself_composes_as_hydra_does(theirs, lines):
    check(theirs, lines)


def test_the_jobs_of_a_grid_are_apart(ours):
    """Jobs share what their overrides have in common, and nothing else."""
    composer = ours[2]
    grid = list(itertools.product(("init.gamma=0.5", "init.gamma=1"), ("seeds=[0]", "seeds=[3]")))
    found = [composer.compose(lines).config for lines in grid]
    assert [(each["init"]["gamma"], each["seeds"]) for each in found] == [
        (0.5, [0]),
        (0.5, [3]),
        (1.0, [0]),
        (1.0, [3]),
    ]
    assert composer.compose([]).config["init"]["gamma"] == 1.0


def test_a_sweep_is_planned_and_its_state_told_without_torch_or_pandas_by_whoever_imported_us(tmp_path):
    program = """
import sys
import sweeps.sweeper  # before Hydra looks for plugins, when it runs its own modules a second time
from condense.cli import main
sys.argv = ["condense", "-m", "init.gamma=0.5,1.0", "hydra.sweeper.plan=true", "hydra.sweep.dir=here"]
main()
assert not {"torch", "pandas", "submitit"} & sys.modules.keys()
"""
    told = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "2 points, 0 of them complete already" in told.stdout
