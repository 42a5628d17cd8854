"""The front door: `python -m condense [-m] [key=value ...]`. Hydra is known here and nowhere below."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from condense import schema, suggest
from condense.job import Job, RunFailedError
from condense.schema.config import KINDS
from condense.single import launcher_left_alone, refuse_settings_of_sweeps
from front_door.ending import FULL, INTERRUPTED
from front_door.names import version

__all__ = ["config_folder", "main", "register_schema"]


@dataclass
class _Root(schema.Config):
    """The config as Hydra composes it: init, network and flow are groups with a schema for each choice."""

    init: Any = MISSING
    network: Any = MISSING
    flow: Any = MISSING


def register_schema() -> None:
    """Put the schema behind every config group into Hydra's store, below schema/."""
    store = ConfigStore.instance()
    store.store(group="schema", name="config", node=_Root)
    for group, kinds in KINDS.items():
        for name, kind in kinds.items():
            store.store(group="schema" if name == group else f"schema/{group}", name=name, node=kind)


def config_folder() -> Path:
    """Return conf/ of the checkout that this package lies in, else the one packaged with it."""
    package = Path(__file__).resolve().parent
    checkout = package.parent / "conf"
    in_checkout = (package.parent / "pyproject.toml").exists() and (checkout / "config.yaml").exists()
    return checkout if in_checkout else package / "conf"


def _run(config: DictConfig) -> float | None:
    settings = HydraConfig.get()
    alone = settings.mode is hydra.types.RunMode.RUN
    if alone:
        refuse_settings_of_sweeps(settings)
        if told := launcher_left_alone(settings):
            print(told, file=sys.stderr)
    folder = Path(settings.runtime.output_dir)
    with _refusals():
        with contextlib.chdir(settings.runtime.cwd):  # hydra.job.chdir has left it, and paths start from there
            job = Job(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]
        if not alone and folder.name == str(settings.job.num):
            _refuse_other_runs(job, folder)
        table = job.run(folder)
        value = job.value(folder)
    if alone:
        from condense.table import show

        show(table, folder, Console())
        if value is not None:
            print(f"objective: {value:.6g}, the mean of {job.config.objective}")
    return value


def _refuse_other_runs(job: Job, folder: Path) -> None:
    """Refuse a folder that has a number and holds another point by it."""
    held = job.held(folder)
    if held and not held.keys() & {*job.wanted}:
        raise ValueError(
            f"{job.name} would share the folder {folder} with another point, which is there already: this sweeper "
            "numbers its points; name another folder: hydra.sweep.dir=.."
        )


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Turn errors whose messages are for the user into one of Hydra's."""
    try:
        yield
    except (ValueError, RunFailedError) as error:
        raise ConfigCompositionException(str(error)) from error


def main() -> None:
    """Run the command line; exit with 1 and a message that helps if it is refused or a run raised an error."""
    if "--version" in sys.argv[1:]:
        print(f"condense {version()}")
        return
    register_schema()
    folders = [config_folder(), Path("conf")]
    if refused := [*suggest.groups_given_values(sys.argv[1:], folders), *suggest.long_numbers(sys.argv[1:])]:
        sys.exit("\n".join(refused))
    wants_trace = FULL in os.environ
    os.environ[FULL] = "1"  # so that errors come to us, who print them
    try:
        hydra.main(version_base="1.3", config_path=str(config_folder()), config_name="config")(_run)()
    except KeyboardInterrupt:
        print("interrupted: what is finished is kept, and the same command again computes the rest", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except (HydraException, OmegaConfBaseException) as error:
        if wants_trace:
            raise
        cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else ""
        text = f"{error}\n{cause}".strip()
        hints = suggest.hints(sys.argv[1:], folders)
        sys.exit("\n".join([text, *hints]))
