"""From a config to runs: the names it gives resolved and checked, the key of every run, and what is known of it.

No torch here unless the config names something that needs it: status and planning go through thousands of jobs.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from condense import data as data_sets
from condense import registry, schema
from condense.code import own, sources
from condense.data import Dataset
from condense.networks.span import span_basis, with_bias
from condense.networks.unrolled import LEAKS, kernels, unrollable
from condense.run import Run
from condense.runs import attainable, identity
from condense.runs.provenance import provenance
from condense.schema.idle import refuse_idle
from condense.schema.measure import OF_LAYERS, OF_MODULES, OF_THREE_LAYERS, WITHOUT_NEURONS

if TYPE_CHECKING:
    from condense.flows.rehearsal import Rehearsed
    from condense.networks.functional import UserNetwork
    from condense.networks.modules import ModuleNetwork

__all__ = ["Problem"]

OBSERVED = "measure.observables"


@dataclass(frozen=True, eq=False)
class Problem:
    """A config with what it names: the data, and a user's network or the modules of torch if there are any.

    `code` has the hashes of the user's code by name, `sources` those that it counts as.
    """

    config: schema.Config
    data: Dataset
    user: UserNetwork | None = None
    modules: ModuleNetwork | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        config: schema.Config,
        data: Dataset | None = None,
        given: UserNetwork | ModuleNetwork | None = None,
        hashed: str | None = None,
    ) -> Problem:
        """Resolve every name of a config.

        Args:
            config: what is to be computed.
            data: instead of those that the config names.
            given: a network instead of the one that the config names.
            hashed: `own.object_hash` of it, as it was before it computed anything.

        Raises:
            ValueError: a name, a file or a device that is not there, or a run that could not even start.
        """
        data = data or data_sets.load(config.data)
        _check_device(config.device)
        _check_functions(config)
        facts = identity.science(config, data)
        user, modules = _networks(config.network, given)
        code = own.code_of(config, user or modules)
        if given is not None:
            facts["network"] = {"name": own.object_name(given)}
            code[own.object_name(given)] = hashed or own.object_hash(given)
        counted_as = own.counted_as(code, config.accept_code)
        if in_keys := own.in_keys(counted_as):
            facts[own.FACT] = in_keys
        problem = cls(config, data, user, modules, facts, code, counted_as)
        if not problem.two_layer and config.virtual:
            raise ValueError(
                f"virtual.widths = {config.virtual.widths} is not allowed: [] for deep networks and networks of your "
                "own, of which it is not known how they depend on the width"
            )
        if modules is None:
            data.check_scalar()
            attainable.check(config, data, layered=problem.layered)
            problem._check_test_set()
            refuse_idle("measure.", config.measure, OF_LAYERS)
            problem._check_scales()
        else:
            refuse_idle("measure.", config.measure, OF_MODULES)
        if user is not None:
            refuse_idle("measure.", config.measure, WITHOUT_NEURONS)
        if problem.three_layer:
            refuse_idle("measure.", config.measure, OF_THREE_LAYERS)
        if "product" in config.measure.observables and config.network.target != "factorisation":
            raise ValueError(
                "measure.observables = 'product' has no effect but with network=factorisation: leave it out"
            )
        problem._check_first_pass()
        if modules is not None:
            problem._check_coordinates(modules)
        return problem

    @property
    def layered(self) -> bool:
        """Whether its network is one of two or three layers in closed form, whose neurons are known."""
        return self.user is None and self.modules is None

    @property
    def two_layer(self) -> bool:
        """Whether its network is the two-layer one."""
        return self.layered and self._layers == 2

    @property
    def three_layer(self) -> bool:
        """Whether its network is the three-layer one."""
        return self.layered and self._layers == 3

    @property
    def _layers(self) -> int:
        network = self.config.network
        return network.layers if isinstance(network, schema.Network) else 0

    @functools.cached_property
    def runs(self) -> dict[str, Run]:
        """All runs by their keys: the real widths, then the virtual ones of each number of neurons."""
        config = self.config
        real = [self._run(width, seed) for width, seed in product(config.widths, config.seeds)]
        virtual = product(config.virtual.neurons, config.virtual.widths, config.seeds)
        return {run.key: run for run in (*real, *(self._run(neurons, seed, m) for neurons, m, seed in virtual))}

    def _run(self, neurons: int, seed: int, stands_for: float | None = None) -> Run:
        """Return a run of so many neurons.

        With f(0) = 0 the flow depends on kappa m and kappa' alone (and on beta2 where s is not homogeneous), up to
        sampling errors of O(m^-1/2). So M neurons with kappa = m^(1-gamma) / M are a sample of width m.
        """
        width = neurons if stands_for is None else stands_for
        place = self.config.init.resolve()
        scales = place.scales(float(width), self.data.x.shape[1])
        scales = replace(scales, alpha=scales.alpha * neurons / width)
        key = identity.key(self.facts, width, seed, None if stands_for is None else neurons)
        point = dict(zip(self.config.init.plane.columns, place.point, strict=True))
        rate = self.config.flow.rate(m=float(width), **point) if self.config.flow.modules else None
        return Run(scales, neurons, seed, stands_for, key, point, rate)

    @functools.cached_property
    def setting(self) -> str:
        """The hash of the science without the place on the plane."""
        return identity.setting(self.facts)

    @property
    def settings(self) -> dict[str, Any]:
        """What all jobs of a sweep share, by dotted key: what differs from the defaults, the place left out."""
        watched = {name: identity.delta(getattr(self.config, name)) for name in ("measure", "snapshots")}
        facts = {**identity.without_place(self.facts), **watched}
        facts.pop(own.FACT, None)  # in sources
        if self.config.data.path is None:
            facts["data"] = {"name": self.data.name, **facts["data"]}
        return dict(identity.flat(facts))

    @functools.cached_property
    def group(self) -> tuple[object, ...]:
        """What problems have in common whose runs can go through one batch: all but the place, widths and seeds.

        And but the learning rate, where runs of one batch may have different ones.
        """
        return (
            identity.setting(identity.without_rate(self.facts)) if self.config.flow.modules else self.setting,
            self.config.device,
            self.config.compiled,
            repr(self.config.measure),
            repr(self.config.snapshots),
            id(self.user or self.modules),
        )

    @functools.cached_property
    def fused(self) -> bool:
        """Whether its runs step by compiled kernels, see `condense.networks.unrolled`."""
        config = self.config
        plain = self.two_layer and config.compiled and config.device == "cpu" and config.dtype == "float64"
        known = config.network.activation in LEAKS and config.flow.fused
        n, d = self.data.x.shape[:2]
        return plain and known and unrollable(n, min(n, d + config.network.bias))

    def prepare(self) -> None:
        """Load the compiled kernels of its steps, if there are any: no run is charged with the time this takes."""
        if self.fused:
            x = self.data.x
            inputs = with_bias(x) if self.config.network.bias else x
            kernels(len(x), span_basis(inputs).shape[1], LEAKS[self.config.network.activation])

    @property
    def origin(self) -> str:
        """The code by which its runs are computed, ours and the user's as it is now, in one text."""
        return json.dumps({"condense": sources.house(), **self.code})

    @property
    def stacking(self) -> dict[str, Any]:
        """How its networks are put on a leading axis: antisymmetric or not, on what device, in what precision."""
        import torch

        config = self.config
        return {
            "antisymmetric": config.init.antisymmetric,
            "device": config.device,
            "dtype": getattr(torch, config.dtype),
        }

    @property
    def copies(self) -> int:
        """Networks whose difference is the output: 2 with antisymmetric initialisation."""
        return 2 if self.config.init.antisymmetric else 1

    def row(self, run: Run) -> dict[str, Any]:
        """Return what is known of a run before it starts, as columns of its record."""
        config, init, scales, network = self.config, self.config.init, run.scales, self.facts["network"]
        return {
            "key": run.key,
            "setting": self.setting,
            "initialisation": init.name,
            **dict(zip(init.plane.columns, init.resolve().point, strict=True)),
            "width": float(run.width),
            "neurons": run.neurons,
            "virtual": run.virtual,
            "seed": run.seed,
            **({} if self.modules else scales.columns),
            "antisymmetric": init.antisymmetric,
            "network": self.modules.label if self.modules else network.get("_target_") or network["name"],
            "activation": config.network.activation if self.layered else "",
            "keep": config.network.keep,
            "data": self.data.name,
            "flow": config.flow.name,
            "rtol": getattr(config.flow, "rtol", float("nan")),
            "stop": config.flow.stop * (float((self.data.y**2).mean()) if config.flow.relative else 1.0),
            **provenance(),
            "code": " ".join(f"{name}@{hashed}" for name, hashed in self.code.items()),
            "device": config.device,
            "dtype": config.dtype,
        }

    def _check_scales(self) -> None:
        scales = self.config.init.resolve().scales
        for width in (*self.config.widths, *self.config.virtual.widths):
            try:
                found = scales(float(width), self.data.x.shape[1])
                sound = all(0 < x < math.inf for x in found.columns.values())
            except (OverflowError, ZeroDivisionError):
                sound = False
            if not sound:
                raise ValueError(
                    f"init: at width {width:.12g} a scale is 0 or infinite in floating point; "
                    f"{' and '.join(self.config.init.plane.columns)} are exponents of the width, of size 1"
                )

    def _check_test_set(self) -> None:
        """Refuse a test set where the outputs are not known: weights of layers are trained in the span of the data."""
        x = self.data.x
        if self.data.x_test is None or not self.layered or not self.config.flow.rotation_invariant:
            return
        inputs = with_bias(x) if self.config.network.bias else x
        if (rank := span_basis(inputs).shape[1]) < inputs.shape[1]:
            raise ValueError(
                f"{self.data.name}: the training data span {rank} of {inputs.shape[1]} dimensions, the bias included, "
                "and weights are known in their span alone: no test set can be measured on. Take more training data, "
                "or leave the test set out"
            )

    def _check_coordinates(self, modules: ModuleNetwork) -> None:
        """Refuse a coordinate that neither a scale nor the rate depends on: its sweep would compute the same runs."""
        init, depends_on = self.config.init, self.tried.depends_on | self.config.flow.depends_on
        for axis in init.plane.axes:
            if axis.column not in depends_on and (value := getattr(init, axis.column)) != axis.default:
                raise ValueError(
                    f"init.{axis.column} = {value:g} has no effect with {modules.label}, whose scales depend on "
                    f"{', '.join(sorted(depends_on)) or 'nothing'}: leave it out, or have network.scales depend on it"
                )

    def _check_first_pass(self) -> None:
        """Let a user's network make its first passes, once for all jobs of a grid."""
        if self.modules is not None:
            self.tried  # noqa: B018  # to know it is to have tried
        if self.user is None:
            return
        config = self.config
        trial = json.dumps([id(type(self.user)), self.setting, config.device, config.widths, config.seeds])
        if trial not in _passed:
            self._pass(self.user)
            _passed.add(trial)

    @functools.cached_property
    def tried(self) -> Rehearsed:
        """What was found out when its modules were tried."""
        from condense.flows.rehearsal import rehearsed

        assert self.modules is not None
        config = self.config
        one = json.dumps([id(self.modules), self.setting, config.device, config.widths, list(config.seeds)])
        if one not in _tried:
            _tried[one] = rehearsed(self.modules, config.flow, self.data, [*self.runs.values()], **self.stacking)
        return _tried[one]

    def _pass(self, user: UserNetwork) -> None:
        from condense.networks.trial import try_out

        try_out(user, self.data, self.config.widths, self.config.seeds, **self.stacking)


_passed: set[str] = set()

_tried: dict[str, Rehearsed] = {}


def _networks(
    config: schema.Network | schema.Module, given: UserNetwork | ModuleNetwork | None
) -> tuple[UserNetwork | None, ModuleNetwork | None]:
    """Return the network given by init and forward, or that of modules of torch, of which at most one is there."""
    if isinstance(config, schema.Module):
        return None, _modules(config) if given is None else given  # type: ignore[return-value]
    return _user_network(config) if given is None else given, None  # type: ignore[return-value]


def _modules(config: schema.Module) -> ModuleNetwork:
    if config.build is None:
        raise ValueError(
            "network.build = None is not allowed: the dotted path of a function build(m) -> torch.nn.Module, "
            "network.build=mynet.build say"
        )
    build = registry.resolve("build", config.build, "network.build")
    if not callable(build):
        raise ValueError(f"network.build = {config.build!r} is not a function build(m) -> torch.nn.Module")
    from condense.networks.modules import ModuleNetwork

    one = build, repr((config.kwargs, config.scales))
    if one not in _built:
        _built[one] = ModuleNetwork(build, config.kwargs or {}, config.scales, config.build)
    return _built[one]  # type: ignore[no-any-return]


def _user_network(config: schema.Network) -> UserNetwork | None:
    """Return a network given by init and forward, one for all jobs of a grid, or None for the two-layer network."""
    if config.target is None:
        return None
    build = registry.resolve("network", config.target, "network._target_")
    one = build, repr(config.kwargs)
    if one not in _built:
        try:
            _built[one] = build(**(config.kwargs or {}))
        except TypeError as error:
            raise ValueError(f"network.kwargs = {config.kwargs!r} do not fit {config.target}: {error}") from error
        except ValueError:
            raise
        except (Exception, SystemExit) as error:
            told = f"network._target_ = {config.target!r} raised {registry.said(error)} when it was made"
            raise ValueError(told) from error
    return _built[one]  # type: ignore[no-any-return]


_built: dict[tuple[Any, str], Any] = {}


def _check_functions(config: schema.Config) -> None:
    """Refuse observables and activations of the user's own that are not there, or cannot be what they stand for."""
    for name in config.measure.observables:
        if name not in registry.REGISTRY["observable"] and not callable(registry.resolve("observable", name, OBSERVED)):
            raise ValueError(f"{OBSERVED} = {name!r} is not a function of a state and the settings of measure")
    if config.network.activation and config.network.activation not in registry.REGISTRY["activation"]:
        registry.resolve("activation", config.network.activation, "network.activation")
        import torch

        from condense.networks import activations

        activations.check(config.network.activation, getattr(torch, config.dtype))


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    try:
        kind, number = torch.device(device).type, torch.device(device).index or 0
    except RuntimeError as error:
        raise ValueError(
            f"device = {device!r} is not a device of torch; allowed are cpu, cuda, cuda:0 and so on"
        ) from error
    if kind not in ("cpu", "cuda"):
        raise ValueError(f"device = {device!r} is not allowed: cpu, cuda, cuda:0 and so on")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device = {device!r}: torch finds no CUDA device here; use device=cpu, or a CUDA build of torch"
        )
    if kind == "cuda" and number >= torch.cuda.device_count():
        raise ValueError(f"device = {device!r}: of CUDA devices torch finds {torch.cuda.device_count()} here")
