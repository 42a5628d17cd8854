"""The Python front door: `condense.simulate`."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from types import NoneType
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike
from torch import nn

from condense import data as data_sets
from condense import records, schema
from condense.code import own
from condense.data import Dataset
from condense.networks.functional import UserNetwork
from condense.networks.modules import ModuleNetwork
from condense.planes.two_layer import NAMED
from condense.runs.batches import Member, batches
from condense.runs.pack import Pack
from condense.runs.problem import Problem
from condense.runs.training import Row, Trainer, rehearse
from condense.schema.checks import known_among, refuse
from durable.folders import refuse_unusable
from durable.manifest import FILE, Manifest

__all__ = ["simulate"]

ELSEWHERE = "give another folder"

NOTE = "simulate.json"
"""What `simulate` noted in a folder instead of a manifest, in versions before."""

Arrays = tuple[ArrayLike, ArrayLike] | list[ArrayLike] | Mapping[str, ArrayLike]


def simulate(
    gamma: float | Iterable[float] = 1.0,
    gamma_prime: float | Iterable[float] = 0.0,
    *,
    widths: int | Iterable[int] = (500, 1000, 2000, 4000),
    seeds: int | Iterable[int] = (0, 1, 2),
    virtual: schema.Virtual | None = None,
    init: Any = None,
    antisymmetric: bool | None = None,
    network: str | schema.Network | schema.Module | UserNetwork | ModuleNetwork = "two_layer",
    activation: str = "relu",
    data: str | os.PathLike[str] | schema.Data | Dataset | pd.DataFrame | Arrays = "parabola",
    flow: str | schema.Flow = "exponential",
    measure: schema.Measure | None = None,
    snapshots: schema.Snapshots | None = None,
    folder: str | Path | None = None,
    device: str = "cpu",
    dtype: str = "float64",
    compiled: bool = True,
    accept_code: str | Iterable[str] = (),
) -> pd.DataFrame:
    """Train networks over the plane and return their records, one row a run (`condense.records.COLUMNS`).

    Args:
        gamma, gamma_prime: places on the plane; with several of either, their grid.
        widths, seeds: every place is trained at all of these.
        virtual: widths up to 1e30 and beyond for which some thousand neurons stand; `widths` may be [] beside it.
        init: a named initialisation ("ntk", "he", ...) or a `schema.SpelledOut`, or several of them in a list, instead
            of gamma and gamma_prime.
        antisymmetric: start from two copies of all neurons with opposite a, so that f(0) = 0; True unless `init` says
            otherwise.
        network: "two_layer", a `schema.Network`, an object of yours with `scales`, `init` and `forward`, or modules of
            torch, `condense.from_module(build)`, with flow="torch".
        activation: of the two-layer network.
        data: a known data set, the path of a file (`condense.data.read_file`), arrays (x, y) or {"x": x, "y": y}, a
            DataFrame with a column y and inputs in all others, or a `Dataset`.
        flow: "exponential", "descent", "adam", "torch", or one of `schema.Exponential`, `Descent`, `Adam`, `Torch` with
            its options.
        measure: the observables, and the rule that counts clusters.
        snapshots: moments at which runs are measured on their way too (`condense.records.curves` of what comes back),
            and whose weights are kept in `folder`.
        folder: where records and snapshots are kept, as those of a sweep: `python -m analysis` draws what is in it, and
            runs that are there are not computed again.
        compiled: step by compiled kernels where they are made for the network; False takes all steps by torch.
        accept_code: code of yours whose runs in `folder` count as those of the code as it is now, as the error says
            that refuses them: "mynet.Net@3f2a9c0d1e4b".

    Raises:
        ValueError: a value that is not allowed; the message says what is.

    >>> runs = simulate(gamma=[0.5, 1.75], widths=[100], seeds=[0])
    >>> runs[["gamma", "width", "converged"]].to_string(index=False).splitlines()
    [' gamma  width  converged', '  0.50  100.0       True', '  1.75  100.0       True']
    """
    _check_kinds(
        snapshots=(snapshots, (schema.Snapshots, NoneType), "a condense.schema.Snapshots(...)"),
        measure=(measure, (schema.Measure, NoneType), "a condense.schema.Measure(...)"),
        virtual=(virtual, (schema.Virtual, NoneType), "a condense.schema.Virtual(...)"),
        antisymmetric=(antisymmetric, (bool, NoneType), "True, False or None"),
        folder=(folder, (str, os.PathLike, NoneType), "the path of a folder, or None"),
    )
    chosen = data_sets.choice(data)
    config = {
        "network": _network_config(network, activation),
        "data": schema.Data() if isinstance(chosen, Dataset) else chosen,
        "flow": _flow_config(flow),
        "measure": measure or schema.Measure(),
        "snapshots": snapshots or schema.Snapshots(),
        "widths": _several(widths),
        "seeds": _several(seeds),
        "virtual": virtual or schema.Virtual(),
        "device": device,
        "dtype": dtype,
        "compiled": compiled,
        "accept_code": _several(accept_code),
    }
    dataset = chosen if isinstance(chosen, Dataset) else data_sets.load(chosen)
    user = None if isinstance(network, str | schema.Network | schema.Module) else network
    places = [_init_config(place, antisymmetric) for place in _places(gamma, gamma_prime, init)]
    hashed = None if user is None else own.object_hash(user)
    problems = [Problem.of(schema.Config(init=place, **config), dataset, user, hashed) for place in places]  # type: ignore[arg-type]
    for problem in problems:
        rehearse(problem)
    if folder is None:
        if snapshots and snapshots.weights:
            raise ValueError("snapshots keep weights: give a folder for them, or snapshots.weights=False")
        table = records.frame(list(_rows(problems)))
    else:
        table = _kept(problems, Path(folder))
    return table.sort_values([*places[0].plane.columns, "virtual", "width", "neurons", "seed"], ignore_index=True)


def _kept(problems: list[Problem], folder: Path) -> pd.DataFrame:
    """Compute the runs that a folder lacks, and return the records of all."""
    manifest = _manifest(problems)
    folders = _folders(problems, folder)
    for needed in (folder, max(folders, key=lambda job: len(job.name))):
        refuse_unusable("folder", needed)
    _claim(folder, manifest)
    for failure in Pack(problems, folders).compute().values():
        raise failure.error
    tables = [records.read(job / records.FILE) for job in folders]
    wanted = [key for problem in problems for key in problem.runs]
    table = pd.concat(tables, ignore_index=True)
    return table[table.key.isin(wanted)]


def _folders(problems: list[Problem], folder: Path) -> list[Path]:
    """Return the folder of each place, none of which is that of another."""
    places: dict[Path, Any] = {}
    for init in (problem.config.init for problem in problems):
        other = places.setdefault(folder / init.folder, init)
        if other is not init:
            raise ValueError(f"folder: {other} and {init} would share {init.folder}; give each its own folder")
    return list(places)


def _manifest(problems: list[Problem]) -> Manifest:
    """Return what all runs of a folder share.

    Raises:
        OtherSweepError: they differ in more than their places.
    """
    plain, *others = (Manifest.of(problem.settings, (), problem.sources) for problem in problems)
    for other in others:
        other.agree(plain, "folder: the places asked for differ in more than where they lie", ELSEWHERE)
    return plain


def _claim(folder: Path, manifest: Manifest) -> None:
    """Note in a folder what its runs share, or refuse one whose runs differ in that."""
    before = folder / NOTE
    if before.exists():
        _as_manifest(json.loads(before.read_text()), manifest).claim(folder, own.accepting)
        before.unlink()
    if not (folder / FILE).exists() and any(folder.glob(f"*/{records.FILE}")):
        raise ValueError(f"folder: {folder} holds runs, but no {FILE} says how they were made; {ELSEWHERE}")
    manifest.claim(folder, partial(own.accepting, spelled=repr), ELSEWHERE)


def _as_manifest(note: Mapping[str, Any], manifest: Manifest) -> Manifest:
    """Return the manifest of what `simulate` noted before, which had no name of the data in it."""
    plain = {key.removeprefix("setting."): value for key, value in note.items()}
    code = f"{own.FACT}."
    sources = {key.removeprefix(code): value for key, value in plain.items() if key.startswith(code)}
    settings = {key: value for key, value in plain.items() if not key.startswith(code)}
    named = {key: value for key, value in manifest.settings.items() if key == "data.name"}
    return Manifest.of({**named, **settings}, (), sources)


def _rows(problems: list[Problem]) -> Iterator[Row]:
    members = [Member(problem, run) for problem in problems for run in problem.runs.values()]
    for batch in batches(members):
        for progress in Trainer(batch):
            for _, failure in progress.failed:
                raise failure.error
            yield from ({**row, "attempt": 1} for _, row in progress.ended)


def _several(values: Any) -> list[Any]:
    given = values.tolist() if hasattr(values, "tolist") else values  # arrays and tensors, 0-d ones too
    return list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping) else [given]


def _check_kinds(**given: tuple[object, tuple[type, ...], str]) -> None:
    for name, (value, kinds, allowed) in given.items():
        if not isinstance(value, kinds):
            refuse(name, value, allowed)


def _places(gamma: Any, gamma_prime: Any, init: Any) -> list[Any]:
    """Return where networks are trained, each place once."""
    axes = {"gamma": _several(gamma), "gamma_prime": _several(gamma_prime)}
    if init is not None:
        for (name, values), default in zip(axes.items(), (1.0, 0.0), strict=True):
            if values != [default]:
                raise ValueError(f"{name} = {values} has no effect beside init = {init!r}: leave one of them out")
    places = [schema.Plane(*place) for place in product(*axes.values())] if init is None else _several(init)
    if not places:
        empty = "init" if init is not None else next(name for name, values in axes.items() if not values)
        refuse(empty, [], "at least one")
    return [place for number, place in enumerate(places) if place not in places[:number]]


def _init_config(place: Any, antisymmetric: bool | None) -> Any:
    init: Any = schema.Named(place) if isinstance(place, str) else place
    if type(init) not in schema.INITS.values():
        refuse("init", init, f"{', '.join(NAMED)}, a condense.schema.Plane, Named or SpelledOut, or several in a list")
    return init if antisymmetric is None else dataclasses.replace(init, antisymmetric=antisymmetric)


def _network_config(
    network: str | schema.Network | schema.Module | UserNetwork | ModuleNetwork, activation: str
) -> schema.Network | schema.Module:
    if isinstance(network, str):
        if "." in network:
            return schema.Network(_target_=network, activation=activation)
        return schema.Network(name=network, activation=activation)
    if activation != "relu":
        raise ValueError(
            f"activation = {activation!r} has no effect beside network = {network!r}: "
            "it is of network='two_layer'; a condense.schema.Network(activation=...) has its own"
        )
    if isinstance(network, schema.Network | schema.Module):
        return network
    if isinstance(network, ModuleNetwork):
        return schema.Module()
    if isinstance(network, type | nn.Module) or not all(
        hasattr(network, name) for name in ("scales", "init", "forward")
    ):
        refuse(
            "network",
            network,
            "'two_layer', a condense.schema.Network, an object with scales, init and forward, or "
            "condense.from_module(build) of a function build(m) that returns a torch module of width m",
        )
    return schema.Network()


def _flow_config(flow: str | schema.Flow) -> schema.Flow:
    if isinstance(flow, schema.Flow) and type(flow) in schema.FLOWS.values():
        return flow
    if not isinstance(flow, str):
        *kinds, last = (kind.__name__ for kind in schema.FLOWS.values())
        refuse("flow", flow, f"{', '.join(map(repr, schema.FLOWS))}, or a condense.schema.{', '.join(kinds)} or {last}")
    known_among("flow", flow, schema.FLOWS)
    return schema.FLOWS[flow]()
