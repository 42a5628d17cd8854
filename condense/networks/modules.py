"""Networks that are modules of torch: the scales of their parameters, and stacks of R of them as one.

A network is what `build(m)` returns for width m, and a formula for the standard deviation of each of its parameters in
m, fan_in, fan_out and the coordinates of the plane. Without formulas of its own a network has the single exponent of
the overview of condensation (arXiv 2504.09484): weights w ~ N(0, fan_in^(-2 gamma)), biases 0, and the weights of norms
as they are built, 1.

fan_in of weights of shape (out, in, kernel) is in times the size of the kernel; of an embedding, which multiplies a
one-hot vector, the number of its rows; of a bias that of the weights beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from condense.data import Dataset
from condense.networks.base import Theta, column, norms, torch_stream
from condense.networks.batched import Batched, shared
from condense.networks.blocks import check_block
from condense.networks.errors import name as named
from condense.networks.errors import raised
from condense.planes.formula import Formula
from condense.run import Run

__all__ = ["ModuleNetwork", "ModuleStage", "Modules", "from_module"]

BUILT = "built"
"""Instead of a formula: as the module is built."""

SIZES = ("m", "fan_in", "fan_out")
"""What a formula may depend on beside the coordinates of the plane."""

_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)

_NORMS = tuple(getattr(nn, kind) for kind in ("LayerNorm", "GroupNorm", "RMSNorm") if hasattr(nn, kind))

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@dataclass(frozen=True, eq=False)
class ModuleNetwork:
    """Networks of every width: what builds them, and the standard deviation of each parameter.

    Attributes:
        build: (m, **kwargs) -> the module of width m.
        kwargs: Its other arguments.
        scales: A formula, or "built", by pattern of parameters' names; of several that match the first holds. None:
            the single exponent, see above.
        label: What it is called in messages and records.
    """

    build: Callable[..., nn.Module]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    scales: Mapping[str, object] | None = None
    label: str = "module"

    def made(self, run: Run) -> nn.Module:
        """Return the module of a run as it is built: what it draws from torch's generator depends on the run alone.

        Raises:
            ValueError: `build` raises, or what it returns cannot be trained in a stack.
        """
        with raised(self, f"build at width {run.neurons}"), torch.random.fork_rng(devices=[]):
            torch.manual_seed(torch_stream(run.seed, run.neurons).initial_seed())
            module = self.build(run.neurons, **self.kwargs)
        _check_module(self, module)
        return module

    def laws(self, module: nn.Module, coordinates: Sequence[str]) -> dict[str, Formula | None]:
        """Return the formula of every parameter, None for those that stay as they are built.

        Raises:
            ValueError: a formula that is none, a parameter without one, or a pattern without a parameter.
        """
        if self.scales is None:
            return {parameter.name: _plain(self, parameter) for parameter in _parameters(module)}
        if not isinstance(self.scales, Mapping):
            raise ValueError(
                f"network.scales = {self.scales!r} is not allowed: formulas by pattern of parameters' names, such as "
                "{'*.weight': 'fan_in**-gamma', '*.bias': 0}"
            )
        chosen = {name: self._pattern(name) for name in _names(module)}
        idle = [pattern for pattern in self.scales if pattern not in chosen.values()]
        if idle:
            raise ValueError(
                f"network.scales.{idle[0]} = {self.scales[idle[0]]!r} has no effect: it matches no parameter first; "
                f"the parameters are {', '.join(chosen)}"
            )
        return {name: self._law(pattern, coordinates) for name, pattern in chosen.items()}

    def _pattern(self, name: str) -> str:
        assert self.scales is not None
        for pattern in self.scales:
            if fnmatchcase(name, pattern):
                return pattern
        raise ValueError(
            f"network.scales = {dict(self.scales)}: no pattern matches the parameter {name}; add one, such as "
            f"'{name}': 0, or '*': fan_in**-gamma as the last"
        )

    def _law(self, pattern: str, coordinates: Sequence[str]) -> Formula | None:
        assert self.scales is not None
        key, value = f"network.scales.{pattern}", self.scales[pattern]
        if value == BUILT:
            return None
        try:
            formula = Formula.parse(value)
        except ValueError as error:
            raise ValueError(f"{key}: {error}; or {BUILT!r}, as the module is built") from error
        allowed = (*SIZES, *coordinates)
        if unknown := sorted(formula.names - set(allowed)):
            raise ValueError(f"{key} = {value!r} depends on {unknown[0]}; allowed are {', '.join(allowed)}")
        return formula

    def drawn(self, run: Run) -> dict[str, Tensor]:
        """Return the parameters theta(0) of a run, float64: normal numbers times their scales, or as built.

        Raises:
            ValueError: as of `made` and `laws`, or a scale that is negative or no number.
        """
        module = self.made(run)
        generator = torch_stream(run.seed, run.neurons)
        laws = self.laws(module, tuple(run.point))
        drawn = {}
        for parameter in _parameters(module):
            law, shape = laws[parameter.name], parameter.values.shape
            normal = torch.randn(shape, generator=generator, dtype=torch.float64)
            drawn[parameter.name] = (
                parameter.values.detach().double() if law is None else _scale(parameter, law, run) * normal
            )
        return drawn


def from_module(
    build: Callable[..., nn.Module], scales: Mapping[str, object] | None = None, **kwargs: Any
) -> ModuleNetwork:
    """Return networks that are modules of torch, for `condense.simulate(network=..., flow="torch")`.

    Args:
        build: (m, **kwargs) -> the module of width m.
        scales: the standard deviation of parameters, by pattern of their names: a formula in m, fan_in, fan_out and the
            coordinates of the plane, such as "fan_in**-gamma"; a number; or "built", as the module is built. The first
            pattern that matches holds. None: w ~ N(0, fan_in^(-2 gamma)), biases 0, norms as they are built.
        kwargs: other arguments of `build`.

    >>> network = from_module(lambda m: nn.Sequential(nn.Linear(1, m), nn.Tanh(), nn.Linear(m, 1)))
    >>> from condense.planes.scales import Scales
    >>> run = Run(Scales(1.0, 1.0, 1.0), neurons=100, seed=0, point={"gamma": 0.5})
    >>> sorted(network.drawn(run))
    ['0.bias', '0.weight', '2.bias', '2.weight']
    """
    if not callable(build):
        raise ValueError(f"build = {build!r} is not allowed: a function that returns a torch module for a width m")
    return ModuleNetwork(build, kwargs, scales, getattr(build, "__qualname__", type(build).__name__))


@dataclass(frozen=True)
class Modules(Batched):
    """A stack of R modules, and of each two copies whose difference is the output if it starts antisymmetric.

    Attributes:
        start: theta(0), a tensor of shape (R, ...) a parameter, (R, 2, ...) with copies.
        seeds: That of each run, shape (R,).
        rates: The learning rate of each run, shape (R,).
        names: Of all parameters.
        module: What computes the outputs from parameters and inputs.
        data: What the networks are trained on, and the test set if there is one.
        whole: Whether the module takes its inputs as integers, tokens say.
        vmapped: Whether the stack is computed as one; if not, a network at a time.
    """

    start: Theta
    seeds: Tensor
    rates: Tensor
    names: tuple[str, ...] = shared()
    module: nn.Module = shared()
    data: Dataset = shared()
    whole: bool = shared()
    copies: int = shared()
    width: int = shared()
    label: str = shared()
    vmapped: bool = shared(default=True)

    @classmethod
    def build(
        cls,
        runs: Sequence[Run],
        data: Dataset,
        user: ModuleNetwork,
        *,
        whole: bool = False,
        vmapped: bool = True,
        antisymmetric: bool = False,
        device: str = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> Modules:
        """Return the stack of these runs, all of one width.

        Raises:
            ValueError: see `ModuleNetwork.drawn`.
        """
        drawn = [user.drawn(run) for run in runs]
        copies = 2 if antisymmetric else 1
        start = tuple(torch.stack([one[name] for one in drawn]).to(device, dtype) for name in drawn[0])
        if copies == 2:
            start = tuple(block.unsqueeze(1).repeat_interleave(2, dim=1) for block in start)
        return cls(
            start,
            torch.tensor([run.seed for run in runs], device=device),
            column([math.nan if run.rate is None else run.rate for run in runs], dtype, device),
            tuple(drawn[0]),
            user.made(runs[0]).to(device, dtype),
            data,
            whole,
            copies,
            runs[0].neurons,
            user.label,
            vmapped,
        )

    @property
    def blocks(self) -> tuple[str, ...]:
        """The parameters that have a size at the start, so that they have a relative change."""
        there = [bool(block.any()) for block in self.start]
        return tuple(name for name, any in zip(self.names, there, strict=True) if any)

    @property
    def kappa(self) -> Tensor:
        """NaN: modules have no kappa."""
        return torch.full_like(self.rates, math.nan)

    def inputs(self, x: NDArray[Any]) -> Tensor:
        """Return inputs as the module takes them."""
        kind = torch.int64 if self.whole else self.start[0].dtype
        return torch.as_tensor(x, device=self.start[0].device).to(kind)

    def outputs(self, weights: Theta, x: Tensor, own: bool = False) -> Tensor:
        """Return f of all networks, shape (R, b, ...), for inputs (b, ...), or `own` ones of each run, (R, b, ...).

        Attention is computed by matrix products: torch's fused kernels know no stack, and no second derivative.
        """
        with raised(self, f"forward at width {self.width}"), sdpa_kernel(SDPBackend.MATH):
            if len(self.seeds) == 1:  # by itself a network needs none of what makes a stack
                return self._output(tuple(block.squeeze(0) for block in weights), x.squeeze(0) if own else x)[None]
            if self.vmapped:
                return torch.func.vmap(self._output, in_dims=(0, 0 if own else None))(weights, x)
            runs = range(len(self.seeds))
            return torch.stack(
                [self._output(tuple(block[run] for block in weights), x[run] if own else x) for run in runs]
            )

    def _output(self, theta: Theta, x: Tensor) -> Tensor:
        if self.copies == 1:
            return self._call(theta, x)
        plus, minus = (tuple(block[copy] for block in theta) for copy in range(2))
        return self._call(plus, x) - self._call(minus, x)

    def _call(self, theta: Theta, x: Tensor) -> Tensor:
        return torch.func.functional_call(self.module, dict(zip(self.names, theta, strict=True)), (x,))  # type: ignore[no-any-return]

    def weights(self, displacement: Theta) -> dict[str, Tensor]:
        """Return theta by name, each of shape (R, copies, ...)."""
        theta = (start + change for start, change in zip(self.start, displacement, strict=True))
        return {
            name: block if self.copies == 2 else block[:, None] for name, block in zip(self.names, theta, strict=True)
        }

    def matrices(self, weights: Theta) -> Iterator[tuple[str, Tensor]]:
        """Return all weights that have rows, of the first copy, as matrices (R, rows, columns): a neuron a row.

        The bias of a neuron is in the last column, as if it were the weight of an input 1.
        """
        first = {
            name: block[:, 0] if self.copies == 2 else block for name, block in zip(self.names, weights, strict=True)
        }
        for name, block in first.items():
            if block.dim() > 2:
                rows = block.flatten(2)
                bias = first.get(f"{name.removesuffix('weight')}bias")
                joined = bias is not None and bias.shape == rows.shape[:2]
                yield name, torch.cat([rows, bias[..., None]], dim=2) if joined else rows  # type: ignore[index]

    def on(self, x: NDArray[Any]) -> Modules:
        """Return the networks on other inputs."""
        return replace(self, data=replace(self.data, x=x, y=x[:, 0] + 1))

    def stage(self, displacement: Theta, kernel: bool = False) -> ModuleStage:
        """Return the networks at theta."""
        return ModuleStage(self, tuple(start + change for start, change in zip(self.start, displacement, strict=True)))


@dataclass(frozen=True)
class ModuleStage(Batched):
    """A stack of modules at theta, whose parameters are `weights`."""

    network: Modules
    weights: Theta

    @property
    def displacement(self) -> Theta:
        """theta - theta(0)."""
        return tuple(block - start for block, start in zip(self.weights, self.network.start, strict=True))

    @property
    def outputs(self) -> Tensor:
        """f on all training data, shape (R, n, ...)."""
        return self.network.outputs(self.weights, self.network.inputs(self.network.data.x))

    def relative_change(self) -> dict[str, Tensor]:
        """Return RD = |theta - theta(0)| / |theta(0)| of every block and of all ("theta"), first copy, each (R,)."""
        network = self.network
        first = (slice(None), slice(1)) if network.copies == 2 else ()
        moved, size = (norms(tuple(block[first] for block in blocks)) for blocks in (self.displacement, network.start))
        blocks = network.blocks
        each = {name: x / y for name, x, y in zip(network.names, moved, size, strict=True) if name in blocks}
        return {**each, "theta": torch.stack(moved).norm(dim=0) / torch.stack(size).norm(dim=0)}


@dataclass(frozen=True)
class _Parameter:
    """A parameter, with the layer that it is of and its fans if they are known."""

    name: str
    values: Tensor
    layer: nn.Module

    @property
    def last(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def fans(self) -> tuple[int, int] | None:
        """fan_in and fan_out."""
        values = self.values
        if values.dim() < 2:
            values = getattr(self.layer, "weight", values)
        if not isinstance(values, Tensor) or values.dim() < 2:
            return None
        if isinstance(self.layer, _EMBEDDINGS):
            return values.shape[0], values.shape[1]
        kernel = math.prod(values.shape[2:])
        out, into = values.shape[:2]
        if isinstance(self.layer, _TRANSPOSED):
            out, into = into, out
        return into * kernel, out * kernel


def _parameters(module: nn.Module) -> list[_Parameter]:
    """Return all parameters, those that are tied once."""
    layers = dict(module.named_modules())
    return [_Parameter(name, values, layers[name.rpartition(".")[0]]) for name, values in module.named_parameters()]


def _names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_parameters()]


def _plain(user: ModuleNetwork, parameter: _Parameter) -> Formula | None:
    """Return the formula of the single exponent, None for what stays as it is built."""
    if isinstance(parameter.layer, _NORMS):
        return None if parameter.last == "weight" else Formula("0")
    if "bias" in parameter.last and parameter.values.dim() == 1:
        return Formula("0")
    if type(parameter.layer).__module__.startswith("torch.nn.") and parameter.values.dim() >= 2:
        return Formula("fan_in**-gamma")
    raise ValueError(
        f"{named(user)}: the parameter {parameter.name} of shape {tuple(parameter.values.shape)} is of no layer of "
        f"torch.nn that has a fan_in; give all parameters a scale, network.scales={{'{parameter.name}': .., "
        f"'*.bias': 0, '*': fan_in**-gamma}} say"
    )


def _scale(parameter: _Parameter, law: Formula, run: Run) -> float:
    """Return the standard deviation of a parameter of a run."""
    numbers: dict[str, float] = {**run.point, "m": float(run.neurons)}
    if fans := parameter.fans:
        numbers |= {"fan_in": float(fans[0]), "fan_out": float(fans[1])}
    elif law.names & {"fan_in", "fan_out"}:
        raise ValueError(
            f"network.scales: {law.text} depends on a fan, and the parameter {parameter.name} of shape "
            f"{tuple(parameter.values.shape)} has none; give it a number, a power of m, or {BUILT!r}"
        )
    scale = law(**numbers)
    if scale < 0:
        raise ValueError(f"network.scales: {law.text} = {scale:g} for {parameter.name}; allowed is 0 or above")
    return scale


def _check_module(user: ModuleNetwork, module: object) -> None:
    """Refuse what is no module, has nothing to train, or something in it that no stack of runs can have."""
    built = f"{named(user)}: build returned"
    if not isinstance(module, nn.Module):
        raise ValueError(
            f"{built} {type(module).__name__}, allowed is a torch.nn.Module for the width that it is given"
        )
    names = _names(module)
    if not names:
        raise ValueError(f"{built} {type(module).__name__} without a parameter, so there is nothing to train")
    for block in names:
        check_block(block, named(user))
    for name, layer in module.named_modules():
        where = f"{built} a module with {type(layer).__name__} at {name or 'its top'}"
        if isinstance(layer, nn.modules.batchnorm._NormBase) and (
            layer.track_running_stats or isinstance(layer, nn.modules.batchnorm._BatchNorm)
        ):
            raise ValueError(
                f"{where}: its outputs depend on the other inputs of a batch and on a running mean, so that neither "
                "the loss over all data nor a function f(x) is defined while it trains; take LayerNorm or GroupNorm"
            )
        if isinstance(layer, _DROPOUTS) and layer.p > 0:
            raise ValueError(
                f"{where}, p = {layer.p:g}: what it drops is drawn from torch's own generator, so that no run could be "
                "repeated; set p=0 (dropout of two-layer networks is network.keep)"
            )
        if isinstance(layer, nn.MultiheadAttention) and layer.dropout > 0:
            raise ValueError(f"{where}, dropout = {layer.dropout:g}: no run could be repeated; set dropout=0")
        if isinstance(layer, nn.RNNBase):
            raise ValueError(f"{where}: torch cannot stack recurrent layers; write the recurrence with Linear layers")
    if any(not values.is_floating_point() for values in module.parameters()):
        raise ValueError(f"{built} a module with parameters that are no real numbers")
    if frozen := [name for name, values in module.named_parameters() if not values.requires_grad]:
        raise ValueError(
            f"{built} a module whose parameter {frozen[0]} has requires_grad=False; register what is not trained as a "
            "buffer"
        )
