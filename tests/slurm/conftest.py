from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from cluster import MAX_ARRAY_SIZE, Cluster, UnavailableError, stop_abandoned
from terminal import Terminal, gates


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep all tests of this folder on one worker of xdist (with --dist loadgroup), for they share a cluster."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.xdist_group("slurm"))


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run a Slurm cluster; without Slurm the tests are skipped, except where CI is set."""
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.install()
    except UnavailableError as reason:
        if os.environ.get("CI"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    stop_abandoned()
    try:
        yield cluster.start(owned=True)
    finally:
        cluster.stop()


@pytest.fixture
def terminal(slurm: Cluster, tmp_path: Path) -> Iterator[Terminal]:
    """A user's terminal in a folder with a space and a quote in its name."""
    made = Terminal(slurm, tmp_path / "a user's folder")
    try:
        yield made
    finally:
        made.leave()


@pytest.fixture(scope="session")
def reference(slurm: Cluster, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Runs of the sweep `gates` that nothing has disturbed, on this machine."""
    made = Terminal(slurm, tmp_path_factory.mktemp("reference") / "a user's folder")
    made.run("condense", "-m", *gates(MAX_ARRAY_SIZE + 1), "hydra.sweep.dir=sweep")
    return made.runs()
