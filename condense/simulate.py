"""From a config to records: runs, batches of equal width, a flow, one row a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from condense import data as data_sets
from condense import identity, records, registry, schema
from condense.data import Dataset
from condense.flows.base import STATUS_CODES, Flow, State
from condense.networks import Functional, Network, Run, Theta, TwoLayer, UserNetwork
from condense.provenance import provenance

__all__ = ["Problem", "load_data", "simulate"]

BATCH = 2**20
"""Features (runs x neurons x data points) trained together; more runs go one batch after another."""

_STATUS = {code: name for name, code in STATUS_CODES.items()}


def load_data(config: schema.Data) -> Dataset:
    """Return the data set of a config: a user's file by its path, else a known data set by its name."""
    if config.path is not None:
        return data_sets.read_file(config.path)
    load = registry.resolve("data", config.name, "data.name")
    options = {} if config.samples is None else {"samples": config.samples}
    return load() if config.name == "parabola" else load(**options, seed=config.seed)  # type: ignore[no-any-return]


def user_network(config: schema.Network) -> UserNetwork | None:
    """Return the user's network of a config, or None for a network of ours."""
    if config._target_ is None:
        return None
    build = registry.resolve("network", config._target_, "network._target_")
    return build(**config.kwargs)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Problem:
    """A config with what it names: the data, the flow, and a user's network if there is one."""

    config: schema.Config
    data: Dataset
    user: UserNetwork | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, config: schema.Config, data: Dataset | None = None, user: UserNetwork | None = None) -> Problem:
        """Resolve every name of a config.

        Raises:
            ValueError: a name, a file or a device that is not there.
        """
        data = data or load_data(config.data)
        _check_device(config.device)
        facts = identity.science(config, data)
        if user is not None:
            facts["network"] = {"name": f"{type(user).__module__}.{type(user).__qualname__}", "vars": repr(vars(user))}
        return cls(config, data, user or user_network(config.network), facts)

    @property
    def flow(self) -> Flow:
        """The flow of the config."""
        return registry.resolve("flow", self.config.flow.name)(self.config.flow)  # type: ignore[no-any-return]

    def keys(self) -> dict[str, tuple[int, int]]:
        """Return the keys of all runs with the width and seed of each."""
        pairs = product(self.config.widths, self.config.seeds)
        return {identity.key(self.facts, width, seed): (width, seed) for width, seed in pairs}

    def stack(self, runs: Sequence[Run]) -> tuple[Network, Theta]:
        """Return the networks of these runs, all of one width, and their parameters at the start."""
        config = self.config
        options: dict[str, Any] = {
            "antisymmetric": config.init.antisymmetric,
            "device": config.device,
            "dtype": getattr(torch, config.dtype),
        }
        if self.user is not None:
            return Functional.build(runs, self.data, self.user, **options)
        network = config.network
        options |= {"activation": network.activation, "bias": network.bias, "reduce": self.flow.rotation_invariant}
        return TwoLayer.build(runs, self.data, **options)

    def row(self, width: int, seed: int) -> dict[str, Any]:
        """Return what is known of a run before it starts, as columns of its record."""
        config, init = self.config, self.config.init
        place = init.resolve()
        scales = place.scales(float(width), self.data.x.shape[1])
        return {
            "key": identity.key(self.facts, width, seed),
            "setting": identity.setting(self.facts),
            "initialisation": init.name,
            **place.point._asdict(),
            "width": float(width),
            "neurons": width,
            "seed": seed,
            "kappa": scales.kappa,
            "kappa_prime": scales.kappa_prime,
            "beta1": scales.beta1,
            "beta2": scales.beta2,
            "alpha": scales.alpha,
            "antisymmetric": init.antisymmetric,
            "network": self.facts["network"].get("_target_") or self.facts["network"]["name"],
            "activation": config.network.activation if self.user is None else "",
            "data": self.data.name,
            "flow": config.flow.name,
            "rtol": getattr(config.flow, "rtol", float("nan")),
            **provenance(),
            "torch": torch.__version__,
            "device": config.device,
            "dtype": config.dtype,
        }


def _check_device(device: str) -> None:
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ValueError(f"device = {device!r} is not a device of torch; allowed are cpu, cuda, cuda:0 and so on") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device = {device!r}: torch finds no CUDA device here; use device=cpu, or a CUDA build of torch")


def train(
    problems: Sequence[Problem], wanted: Callable[[str], bool] = lambda key: True
) -> Iterator[list[dict[str, Any]]]:
    """Train the runs whose keys are wanted and yield the records of one batch after another.

    Problems differ by their place on the plane alone, so runs of equal width go through one batch.
    """
    rows: dict[int, list[tuple[Problem, dict[str, Any]]]] = {}
    for problem in problems:
        for key, (width, seed) in problem.keys().items():
            if wanted(key):
                rows.setdefault(width, []).append((problem, problem.row(width, seed)))
    for width, pending in rows.items():
        size = _batch_size(problems[0], width)
        for start in range(0, len(pending), size):
            yield _train_batch(pending[start : start + size])


def _batch_size(problem: Problem, width: int) -> int:
    copies = 2 if problem.config.init.antisymmetric else 1
    return max(1, BATCH // (copies * width * len(problem.data.y)))


def _train_batch(pending: list[tuple[Problem, dict[str, Any]]]) -> list[dict[str, Any]]:
    problem = pending[0][0]
    rows = [row for _, row in pending]
    runs = [Run(p.config.init.resolve().scales(row["width"], p.data.x.shape[1]), row["neurons"], row["seed"]) for p, row in pending]
    network, theta = problem.stack(runs)
    targets = torch.as_tensor(problem.data.y, dtype=theta[0].dtype, device=theta[0].device)
    with torch.no_grad():
        mse_initial = (network.stage(theta, kernel=False).outputs - targets).square().mean(dim=1).tolist()
    clock = time.perf_counter()
    ended: list[dict[str, Any]] = []
    for state in problem.flow.train(network, theta, targets):
        for place, columns in zip(state.run.tolist(), _columns(state, problem.config.measure), strict=True):
            ended.append({**rows[place], "mse_initial": mse_initial[place], **columns})
    seconds = time.perf_counter() - clock
    steps = sum(row["steps"] for row in ended) or 1
    return [{**row, "wall_seconds": seconds * row["steps"] / steps} for row in ended]


def _columns(state: State, measure: schema.Measure) -> Iterator[dict[str, Any]]:
    statuses = [_STATUS[code] for code in state.status.tolist()]
    columns: dict[str, list[Any]] = {
        "mse_final": state.mse.tolist(),
        "converged": [status == "converged" for status in statuses],
        "status": statuses,
        "steps": state.steps.tolist(),
        "time": state.time.tolist(),
    }
    with torch.no_grad():
        for name in measure.observables:
            columns |= registry.resolve("observable", name, "measure.observables")(state, measure)
    return (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))


Arrays = tuple[NDArray[np.float64], NDArray[np.float64]]


def simulate(
    gamma: float | Iterable[float] = 1.0,
    gamma_prime: float | Iterable[float] = 0.0,
    *,
    widths: Sequence[int] = (500, 1000, 2000, 4000),
    seeds: Sequence[int] = (0, 1, 2),
    init: Any = None,
    antisymmetric: bool = True,
    network: str | schema.Network | UserNetwork = "two_layer",
    activation: str = "relu",
    data: str | schema.Data | Dataset | Arrays = "parabola",
    flow: str | schema.Exponential | schema.Descent | schema.Adam = "exponential",
    measure: schema.Measure | None = None,
    device: str = "cpu",
    dtype: str = "float64",
) -> pd.DataFrame:
    """Train networks over the plane and return their records, one row a run (`condense.records.COLUMNS`).

    Args:
        gamma, gamma_prime: places on the plane; with several of either, their grid.
        widths, seeds: every place is trained at all of these.
        init: a named initialisation ("ntk", "he", ...) or a `schema.SpelledOut` instead of gamma and gamma_prime.
        antisymmetric: start from two copies of all neurons with opposite a, so that f(0) = 0.
        network: "two_layer", a `schema.Network`, or an object of yours with `scales`, `init` and `forward`.
        activation: of the two-layer network.
        data: a known data set, the path of an .npz or .csv, arrays (x, y), or a `Dataset`.
        flow: "exponential", "descent", "adam", or one of `schema.Exponential`, `Descent`, `Adam` with its options.

    Raises:
        ValueError: a value that is not allowed; the message says what is.

    >>> runs = simulate(gamma=[0.5, 1.75], widths=[100], seeds=[0])
    >>> runs[["gamma", "width", "converged"]].to_string(index=False).splitlines()
    [' gamma  width  converged', '  0.50  100.0       True', '  1.75  100.0       True']
    """
    config = {
        "network": _network_config(network, activation),
        "data": _data_config(data),
        "flow": _flow_config(flow),
        "measure": measure or schema.Measure(),
        "widths": list(widths),
        "seeds": list(seeds),
        "device": device,
        "dtype": dtype,
    }
    dataset = _dataset(data) or load_data(config["data"])  # type: ignore[arg-type]
    user = None if isinstance(network, str | schema.Network) else network
    places = [init] if init is not None else list(product(_several(gamma), _several(gamma_prime)))
    problems = [
        Problem.of(schema.Config(init=_init_config(place, antisymmetric), **config), dataset, user)  # type: ignore[arg-type]
        for place in places
    ]
    table = records.frame([row for batch in train(problems) for row in batch])
    return table.sort_values(["gamma", "gamma_prime", "width", "seed"], ignore_index=True)


def _several(values: float | Iterable[float]) -> list[float]:
    return [float(x) for x in (values if isinstance(values, Iterable) else [values])]


def _init_config(place: Any, antisymmetric: bool) -> Any:
    if isinstance(place, tuple):
        return schema.Plane(*place, antisymmetric=antisymmetric)
    return schema.Named(place, antisymmetric) if isinstance(place, str) else place


def _network_config(network: str | schema.Network | UserNetwork, activation: str) -> schema.Network:
    if isinstance(network, schema.Network):
        return network
    if isinstance(network, str) and network not in registry.REGISTRY["network"] and "." in network:
        return schema.Network(_target_=network)
    return schema.Network(name=network if isinstance(network, str) else "two_layer", activation=activation)


def _data_config(data: str | schema.Data | Dataset | Arrays) -> schema.Data:
    if isinstance(data, schema.Data):
        return data
    if isinstance(data, str) and data.endswith((".npz", ".csv")):
        return schema.Data(path=data)
    return schema.Data(name=data) if isinstance(data, str) else schema.Data()


def _dataset(data: Any) -> Dataset | None:
    if isinstance(data, Dataset):
        return data
    return Dataset(*data) if isinstance(data, tuple) else None


def _flow_config(flow: str | schema.Flow) -> schema.Flow:
    if isinstance(flow, schema.Flow):
        return flow
    registry.check("flow", flow, "flow")
    return {"exponential": schema.Exponential, "descent": schema.Descent, "adam": schema.Adam}[flow]()
