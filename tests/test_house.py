"""The house: what each package may know of the others, and no circle anywhere, not even a lazy one or one of types."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from condense.code.sources import digest, house

ROOT = Path(__file__).resolve().parent.parent

FLOORS = {
    "durable": set(),
    "front_door": set(),
    "condense": {"durable", "front_door"},
    "sweeps": {"durable", "front_door"},
    "analysis": {"condense", "front_door"},
    "hydra_plugins": {"sweeps"},
}
"""Each package with those that it may import from."""

ROOMS = ("planes", "schema", "code", "data", "networks", "flows", "measure", "runs")
"""The rooms of condense from the bottom up, each knowing those before it alone: planes, config, code, data, networks,
flows, what is measured, runs. Below them are the nouns (`NOUNS`), above them the doors: job, api, cli."""

NOUNS = {"condense.registry", "condense.records", "condense.run"}

ANALYSIS = ("tables", "stats", "figures", "report")
"""The rooms of the analysis from the bottom up: tables from records, statistics, figures, what is written of them."""

BETWEEN = {"analysis.snapshots", "analysis.over", "analysis.pipeline"}
"""What figures and the report draw: weights on their way, any number over any keys, all results of a setting."""

SWEEPS = ("folder", "backends", "status", "planning", "boundary")
"""The rooms of sweeps from the bottom up: what the folder holds, where packs run, how jobs stand, how they are planned,
a line instead of a grid. Below them `SWEEPS_NOUNS`; above them sweeper, launcher, worker, cli, on which a line stands.
"""

SWEEPS_NOUNS = {"sweeps.job", "sweeps.alone", "sweeps.text"}

OPEN_TO_ANALYSIS = {
    "condense.measure.clusters",
    "condense.loading",
    "condense.planes",
    "condense.records",
    "condense.schema",
    "condense.theory",
}
"""What the analysis knows of condense: records and how they are read, choices, the plane, its theory, the cover."""


def modules() -> dict[str, ast.Module]:
    found = {}
    for package in FLOORS:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text())
    return found


MODULES = modules()


def imported(tree: ast.Module) -> set[str]:
    """Return the modules of ours that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner in MODULES else str(node.module))
    return names & MODULES.keys()


GRAPH = {name: imported(tree) - {name} for name, tree in MODULES.items()}


def test_there_is_no_circle():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("package", list(FLOORS))
def test_a_package_knows_those_below_it_alone(package):
    allowed = {package, *FLOORS[package]}
    for name, others in GRAPH.items():
        if name.partition(".")[0] == package:
            assert {other.partition(".")[0] for other in others} <= allowed, name


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_condense_knows_those_before_it_and_the_nouns(room):
    before = {f"condense.{name}" for name in ROOMS[: ROOMS.index(room) + 1]}
    for name, others in GRAPH.items():
        if name.startswith(f"condense.{room}"):
            ours = {other for other in others if other.startswith("condense.")}
            assert not [other for other in ours - NOUNS if ".".join(other.split(".")[:2]) not in before], name


@pytest.mark.parametrize("room", ANALYSIS)
def test_a_room_of_the_analysis_knows_those_before_it(room):
    before = {f"analysis.{name}" for name in ANALYSIS[: ANALYSIS.index(room) + 1]}
    between = BETWEEN if room in ("figures", "report") else set()
    for name, others in GRAPH.items():
        if name.startswith(f"analysis.{room}"):
            ours = {other for other in others if other.startswith("analysis.")} - between
            assert not [other for other in ours if ".".join(other.split(".")[:2]) not in before], name


@pytest.mark.parametrize("room", SWEEPS)
def test_a_room_of_sweeps_knows_those_before_it_and_the_nouns(room):
    before = {f"sweeps.{name}" for name in SWEEPS[: SWEEPS.index(room) + 1]}
    doors = {"sweeps.sweeper", "sweeps.launcher"} if room == "boundary" else set()
    for name, others in GRAPH.items():
        if name.startswith(f"sweeps.{room}"):
            ours = {other for other in others if other.startswith("sweeps.")} - SWEEPS_NOUNS - doors
            assert not [other for other in ours if ".".join(other.split(".")[:2]) not in before], name


def test_every_room_is_on_its_floor():
    assert {path.parent.name for path in (ROOT / "sweeps").glob("*/__init__.py")} == {*SWEEPS}
    below = {other for name in SWEEPS_NOUNS for other in GRAPH[name]} - SWEEPS_NOUNS
    assert {other.partition(".")[0] for other in below} <= {"durable", "front_door"}
    assert {path.parent.name for path in (ROOT / "analysis").glob("*/__init__.py")} == {*ANALYSIS}
    known = {other for name in BETWEEN for other in GRAPH[name] if other.startswith("analysis.")} - BETWEEN
    assert {other.split(".")[1] for other in known} <= {"tables", "stats"}
    rooms = {path.parent.name for path in (ROOT / "condense").glob("*/__init__.py")}
    assert rooms == {*ROOMS}
    below = {other for name in NOUNS for other in GRAPH[name]} - NOUNS - {"durable.files"}
    assert {".".join(other.split(".")[:2]) for other in below} <= {"condense.planes"}


def test_the_hash_of_our_code_is_that_of_all_of_it():
    package = ROOT / "condense"
    files = {str(file.relative_to(package)): digest(file.read_bytes()) for file in sorted(package.rglob("*.py"))}
    assert house() == digest(repr(files).encode())


def test_the_analysis_knows_of_condense_what_is_open_to_it():
    for name, others in GRAPH.items():
        if name.startswith("analysis"):
            used = {other for other in others if other.startswith("condense.")}
            assert {other for other in used if not other.startswith("condense.planes.")} <= OPEN_TO_ANALYSIS, name


@pytest.mark.parametrize("door", sorted(OPEN_TO_ANALYSIS))
def test_what_is_open_to_the_analysis_does_without_torch(door):
    seen, todo = set(), {door}
    while todo:
        name = todo.pop()
        seen.add(name)
        packages = {name.rpartition(".")[0] for name in GRAPH[name]} & MODULES.keys() - {"condense"}  # imported too
        todo |= (GRAPH[name] | packages) - seen
        assert not {"torch", "hydra", "omegaconf"} & third_party(MODULES[name]), name


def third_party(tree: ast.Module) -> set[str]:
    """Return the first part of what a module imports when it is imported itself."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).partition(".")[0])
    return names
