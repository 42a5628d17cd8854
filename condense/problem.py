"""From a config to records: runs, batches of equal width, a flow, one row a run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch

from condense import activations, identity, registry, schema
from condense import data as data_sets
from condense.data import Dataset
from condense.flows.base import STATUS_CODES, Flow, State
from condense.networks import Functional, Network, Run, Theta, TwoLayer, UserNetwork
from condense.networks.functional import parameters
from condense.plane import Scales
from condense.provenance import provenance

__all__ = ["Problem", "load_data", "train"]

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
    try:
        return build(**(config.kwargs or {}))  # type: ignore[no-any-return]
    except TypeError as error:
        raise ValueError(f"network.kwargs = {config.kwargs!r} do not fit {config._target_}: {error}") from error


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
        problem = cls(config, data, user or user_network(config.network), facts)
        problem._try()
        return problem

    def _try(self) -> None:
        """Raise ValueError if a run could not even start."""
        for width in self.config.widths:
            scales = self.config.init.resolve().scales
            try:
                found = scales(float(width), self.data.x.shape[1])
                sound = all(0 < x < math.inf for x in (found.kappa, found.kappa_prime, found.beta1, found.beta2))
            except (OverflowError, ZeroDivisionError):
                sound = False
            if not sound:
                raise ValueError(
                    f"init: at width {width} a scale is 0 or infinite in floating point; "
                    "gamma and gamma_prime are exponents of the width, of size 1"
                )
        activations.get(self.config.network.activation)
        if self.user is not None:
            run = Run(Scales(1.0, 1.0, 1.0), min(self.config.widths), self.config.seeds[0])
            try:
                self.stack([run])
            except ValueError:
                raise
            except Exception as error:
                what = f"network {type(self.user).__name__}: {type(error).__name__}"
                raise ValueError(f"{what} at its first forward pass: {error}") from error

    @property
    def flow(self) -> Flow[Any]:
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
        raise ValueError(
            f"device = {device!r} is not a device of torch; allowed are cpu, cuda, cuda:0 and so on"
        ) from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device = {device!r}: torch finds no CUDA device here; use device=cpu, or a CUDA build of torch"
        )


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
    numbers = width if problem.user is None else parameters(problem.user, width)
    return max(1, BATCH // (copies * numbers * len(problem.data.y)))


def _train_batch(pending: list[tuple[Problem, dict[str, Any]]]) -> list[dict[str, Any]]:
    problem = pending[0][0]
    rows = [row for _, row in pending]
    runs = [Run(Scales(row["alpha"], row["beta1"], row["beta2"]), row["neurons"], row["seed"]) for row in rows]
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
