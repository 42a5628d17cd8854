"""Runs of a user's code are those of this code alone: by its files, by what was compiled in a notebook, by content."""

import importlib
import os
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import condense
from condense import schema
from condense.code import own
from condense.code.content import Content, UnidentifiedError
from condense.code.sources import ChangedSinceImportError
from condense.job import Job
from durable.manifest import Manifest, OtherSweepError

NET = """
import torch
from .parts.heads import head

class Net:
    scales = {"w": (0.5, -0.5), "a": (0.5, 0.5)}

    def init(self, generator, m):
        return {"w": torch.randn(m, 1, generator=generator), "a": torch.randn(m, generator=generator)}

    def forward(self, params, x):
        return head((x + 1) @ params["w"].T) @ params["a"]

def f(z):
    return torch.relu(z)
"""

HEADS = """
def head(z):
    from parts_of import constants
    return (constants.ONE * z).tanh()
"""

FILES = {
    "ownpkg/__init__.py": "",
    "ownpkg/nets.py": NET,
    "ownpkg/parts/__init__.py": "",
    "ownpkg/parts/heads.py": HEADS,
    "ownpkg/unused.py": "",
    "parts_of/constants.py": "ONE = 1",
}

SMALL = {"widths": [10], "seeds": [0]}

LOOSE = schema.Exponential(stop=1e-2)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the user's in a folder that Python looks into; what of it was imported is forgotten at the end."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    forget()


def forget():
    """Make this process as one that has imported nothing of the user's."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("ownpkg", "parts_of")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def edited(package, name, text):
    (package / name).write_text(text)
    forget()


def job(**network):
    return Job(schema.Config(network=schema.Network(**network), flow=LOOSE, **SMALL))


def code(job):
    [each] = job.problem.code.values()
    return each


def test_built_in_networks_have_no_code_in_their_identity():
    for network in ({}, {"activation": "tanh"}, {"name": "residual", "kwargs": {"inputs": 1}}):
        assert not job(**network).sources
        assert own.FACT not in job(**network).problem.facts


@pytest.mark.parametrize("target", [{"_target_": "ownpkg.nets.Net"}, {"activation": "ownpkg.nets.f"}])
def test_code_is_its_file_and_all_files_that_it_imports(package, target):
    before = job(**target)
    imported = {name for name in FILES if "unused" not in name}
    for name in FILES:
        edited(package, name, FILES[name] + "\n# a word")
        after = job(**target)
        assert (after.wanted == before.wanted) is (name not in imported)
        edited(package, name, FILES[name])
        assert job(**target).wanted == before.wanted


def test_an_observable_of_the_users_counts_too(package):
    (package / "ownpkg" / "look.py").write_text("def norm(*arguments):\n    return {}\n")
    watched = partial(schema.Config, measure=schema.Measure(observables=["ownpkg.look.norm"]), **SMALL)
    before = Job(watched())
    edited(package, "ownpkg/look.py", "def norm(*arguments):\n    return {'norm': [1.0]}\n")
    assert set(Job(watched()).wanted).isdisjoint(before.wanted)


def test_a_folder_keeps_to_one_version_of_the_code_unless_told(package, tmp_path):
    train = partial(condense.simulate, network="ownpkg.nets.Net", flow=LOOSE, seeds=0)
    old = train(widths=10, folder=tmp_path / "out")
    there = code(job(_target_="ownpkg.nets.Net"))
    edited(package, "ownpkg/parts/heads.py", HEADS.replace("tanh", "relu"))
    now = code(job(_target_="ownpkg.nets.Net"))
    told = (
        rf"out holds results of other code of yours:\n  ownpkg.nets.Net: there {there}, now {now}\n"
        rf"Nothing was started. For the code as it is now give another folder. Or, if you know that both give the "
        rf"same, add accept_code=\['ownpkg.nets.Net@{there}'\]: what is there stays"
    )
    for width in (10, 20):
        with pytest.raises(ValueError, match=told):
            train(widths=width, folder=tmp_path / "out")
    new = train(widths=10, folder=tmp_path / "out_2")
    assert new.key[0] != old.key[0]
    assert new.rd_w[0] != old.rd_w[0]

    both = train(widths=[10, 20], folder=tmp_path / "out", accept_code=f"ownpkg.nets.Net@{there}")
    assert list(both.code) == [f"ownpkg.nets.Net@{there}", f"ownpkg.nets.Net@{now}"]
    assert (both.key[0], both.rd_w[0]) == (old.key[0], old.rd_w[0])


def test_a_checkpoint_of_other_code_is_not_that_of_these_runs_though_the_code_be_accepted(package):
    before = job(_target_="ownpkg.nets.Net")
    edited(package, "ownpkg/nets.py", NET + "\n# edited")
    network = schema.Network(_target_="ownpkg.nets.Net")
    accepted = [f"ownpkg.nets.Net@{code(before)}"]
    after = Job(schema.Config(network=network, flow=LOOSE, accept_code=accepted, **SMALL))
    assert after.wanted == before.wanted
    assert after.problem.origin != before.problem.origin


@pytest.mark.parametrize(
    ("accepted", "message"),
    [
        ("ownpkg.nets.Net", "allowed: names with a hash each"),
        ("mynet.Net@0123456789ab", "of your own code these runs use ownpkg.nets.Net"),
    ],
)
def test_only_code_that_is_there_can_be_accepted(package, tmp_path, accepted, message):
    with pytest.raises(ValueError, match=message):
        condense.simulate(network="ownpkg.nets.Net", accept_code=accepted, folder=tmp_path / "out", flow=LOOSE, **SMALL)
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_code_that_was_edited_after_its_import_is_not_taken_for_what_runs(package):
    job(_target_="ownpkg.nets.Net")
    (package / "ownpkg" / "nets.py").write_text(NET + "\n# edited")
    with pytest.raises(ChangedSinceImportError, match=r"nets.py has changed since .* restart Python, or importlib.rel"):
        job(_target_="ownpkg.nets.Net")
    importlib.reload(sys.modules["ownpkg.nets"])
    job(_target_="ownpkg.nets.Net")


CELL = """
import numpy as np
SIZE = 3
def scale(z):
    return SIZE * z
class Net:
    names = {"w", "a", "b", "c"}
    def __init__(self, power=2):
        self.power = power
        self.table = np.arange(5000.0)
        self.link = lambda z: z**self.power
    def forward(self, z):
        return [scale(y) for y in z if y in {"p", "q", "r"}]
"""


def cell(text, make="Net()"):
    """Return the hash of what a notebook makes after it has run a cell."""
    notebook = {"__name__": "__main__"}
    exec(text, notebook)
    return own.object_hash(eval(make, notebook))


def test_a_class_of_a_notebook_is_its_code_and_what_this_uses():
    first = cell(CELL)
    assert cell("# a comment\n" + CELL) == first
    changes = [("SIZE * z", "SIZE + z"), ("SIZE = 3", "SIZE = 4"), ("scale(y)", "scale(y + 1)"), ('"w", ', "")]
    changes += [("z**self", "-z**self"), ("arange(5000.0)", "arange(5000.0) + (np.arange(5000) == 2500)")]
    hashes = {cell(CELL.replace(*change)) for change in changes} | {cell(CELL, "Net(3)")}
    assert len(hashes - {first}) == len(changes) + 1


def test_identity_is_that_of_every_process():
    script = f"{CELL}\nfrom condense.code import own\nprint(own.object_hash(Net()))"
    command = [sys.executable, "-c", script]
    told = {
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {f"{cell(CELL)}\n"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (torch.zeros(2000), torch.zeros(2000).index_fill(0, torch.tensor([1000]), 1e-9)),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64)),
        (torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)),
        (partial(np.add, 1), partial(np.add, 2)),
        (1, 1.0),
        ([1, [2]], [[1], 2]),
        (np.tanh, np.sin),
        (torch.tanh, torch.sin),
    ],
)
def test_what_differs_has_another_hash_and_a_copy_the_same(one, other):
    hashed = Content().hashed
    again = [*one] if isinstance(one, list) else one.clone() if isinstance(one, torch.Tensor) else one
    assert Content().hashed(again) == hashed(one) != hashed(other)


def test_what_holds_itself_has_a_hash():
    class Node:
        pass

    node = Node()
    node.me = [node]
    assert own.object_hash(node) == own.object_hash(node)


def test_what_cannot_be_identified_is_named():
    class Net:
        def __init__(self):
            self.lock = threading.Lock()

    with pytest.raises(UnidentifiedError, match="it holds a _thread.lock, which cannot be identified"):
        Content().hashed(Net())


def test_a_sweep_keeps_to_one_version_of_the_code_and_tells_how_to_accept_another(tmp_path):
    written = Manifest.of({"power": 2}, ())
    replace(written, sources={"a.f": "1", "a.g": "2"}).claim(tmp_path, own.accepting)
    other = replace(written, sources={"a.f": "3", "b.h": "4"})
    told = r"a.f: there 1, now 3\nNothing was started.*hydra.sweep.dir=.*_2. Or, .* add accept_code=\[a.f@1\]"
    with pytest.raises(OtherSweepError, match=told):
        other.claim(tmp_path, own.accepting)
    replace(other, sources={"b.h": "4"}).claim(tmp_path, own.accepting)
    assert Manifest.held(tmp_path).sources == {"a.f": "1", "a.g": "2", "b.h": "4"}


def test_runs_from_before_code_was_noted_are_refused_or_accepted_as_unknown(package, tmp_path):
    manifest = Manifest.of({"power": 2}, ())
    (tmp_path / "sweep.json").write_text('{"settings": {"power": 2}, "swept": []}')
    with pytest.raises(OtherSweepError, match=r"there unknown, now \w+\n.*accept_code=\[ownpkg.nets.Net@unknown\]"):
        replace(manifest, sources=job(_target_="ownpkg.nets.Net").sources).claim(tmp_path, own.accepting)
    accepted = Job(replace(job(_target_="ownpkg.nets.Net").config, accept_code=["ownpkg.nets.Net@unknown"]))
    replace(manifest, sources=accepted.sources).claim(tmp_path, own.accepting)
    assert own.FACT not in accepted.problem.facts
