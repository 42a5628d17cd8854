"""Whether modules of torch are what a flow can train, tried before any run; and what a step of them costs."""

from __future__ import annotations

import dataclasses
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from condense import registry, schema
from condense.data import Dataset
from condense.flows.optimised import OptimisedFlow, Trained
from condense.networks.errors import name, raised
from condense.networks.modules import ModuleNetwork, Modules
from condense.registry import said
from condense.run import Run

__all__ = ["Rehearsed", "rehearsed", "seconds"]

_OTHERS = str(Path(torch.__file__).parent), str(Path(__file__).parent.parent)
"""Where code is that is not the user's: torch, condense."""

STACK = 8
"""Networks in the stack that is timed; of small networks more cost less each, and one by itself costs more."""

STEPS = 5
"""Steps that are timed."""

LABELS = 10**6
"""More classes than could be told apart."""


@dataclass(frozen=True)
class Rehearsed:
    """What was found out about modules.

    Attributes:
        whole: Whether they take inputs as integers.
        vmapped: Whether a stack of them is computed as one.
        parameters: How many a network has, by width.
        activations: How many numbers its layers give for a data point, by width.
        depends_on: What its scales depend on, coordinates of the plane among them.
    """

    whole: bool
    vmapped: bool
    parameters: Mapping[int, int]
    activations: Mapping[int, int]
    depends_on: frozenset[str]


def rehearsed(user: ModuleNetwork, flow: schema.Torch, data: Dataset, runs: Sequence[Run], **options: Any) -> Rehearsed:
    """Try to draw, to compute and to take a step, and return what was found out.

    Args:
        user: the network.
        flow: how it is to be trained.
        data: on what.
        runs: those asked for.
        options: device, dtype and antisymmetric, as of `Modules.build`.

    Raises:
        ValueError: it cannot be trained, or a run of it could not be repeated; the message says why.
    """
    _check_targets(flow, data)
    first = min(runs, key=lambda run: run.neurons)
    laws = user.laws(user.made(first), tuple(first.point))
    _check_draw(user, first)
    whole, f = _forward(user, first, data, options)
    _check_outputs(user, flow, f, data, first.neurons)
    vmapped = _vmapped(user, first, data, whole, options)
    network = Modules.build([first], data, user, whole=whole, vmapped=vmapped, **options)
    _check_step(flow, network)
    widths = sorted({run.neurons for run in runs})
    sizes = {width: _sizes(user, next(run for run in runs if run.neurons == width), data, whole) for width in widths}
    return Rehearsed(
        whole,
        vmapped,
        {width: parameters for width, (parameters, _) in sizes.items()},
        {width: activations for width, (_, activations) in sizes.items()},
        frozenset[str]().union(*(law.names for law in laws.values() if law)),
    )


def seconds(user: ModuleNetwork, flow: schema.Torch, data: Dataset, run: Run, **options: Any) -> tuple[float, Trained]:
    """Return how long a step of a network takes as one of some in a stack, and this stack as it is then.

    In a step is its share of looking at the loss. Some steps are timed after as many that are not: the first of them
    are slower.
    """
    network = Modules.build([run] * STACK, data, user, **options)
    trainer = OptimisedFlow(dataclasses.replace(one_step(flow), look=STEPS))
    state = trainer.step(trainer.start(network, torch.empty(0)))
    assert isinstance(state, Trained)
    look = _timed(lambda: trainer.measured(state.stage))
    steps = _timed(lambda: trainer.attempt(state)) - look
    return (max(steps, 0.0) / STEPS + look / flow.look) / STACK, state


def _timed(action: Callable[[], object]) -> float:
    clock = time.perf_counter()
    action()
    return time.perf_counter() - clock


def _check_targets(flow: schema.Torch, data: Dataset) -> None:
    """Refuse labels that are none, in training and test."""
    for key, y in (("y", data.y), ("y_test", data.y_test)):
        if y is None:
            continue
        if flow.loss == "cross_entropy":
            bad = np.argwhere((y < 0) | (y % 1 != 0) | (y > LABELS))
            allowed = "labels of classes, 0, 1, 2, ..."
        elif flow.loss == "hinge":
            bad = np.argwhere(np.abs(y) != 1)
            allowed = "labels -1 and 1"
        else:
            return
        if len(bad):
            place = tuple(bad[0])
            raise ValueError(
                f"{data.name}: {key}[{', '.join(map(str, place))}] = {y[place]:g} is not allowed with "
                f"flow.loss = {flow.loss!r}: {allowed}"
            )


def _check_draw(user: ModuleNetwork, run: Run) -> None:
    """Refuse parameters that differ from call to call."""
    one, two = user.drawn(run), user.drawn(run)
    for block in one:
        if block not in two or not torch.equal(one[block], two[block]):
            raise ValueError(
                f"{name(user)}: build at width {run.neurons} gave another {block} when it was called a second time: no "
                "run could be repeated; draw by torch alone, whose generator is set to the run's seed"
            )
        if not one[block].isfinite().all():
            raise ValueError(f"{name(user)}: at width {run.neurons} {block} starts with NaN or infinity")
    if not any(block.any() for block in one.values()):
        raise ValueError(f"{name(user)}: all parameters are zero at the start, so that nothing could be trained")


def _forward(user: ModuleNetwork, run: Run, data: Dataset, options: Mapping[str, Any]) -> tuple[bool, Tensor]:
    """Return whether a module takes its inputs as integers, and its outputs on a few of them."""
    refused = None
    for whole in (False, True) if (data.x % 1 == 0).all() else (False,):
        network = Modules.build([run], data, user, whole=whole, vmapped=False, **options)
        before = {key: values.clone() for key, values in network.module.named_buffers()}
        try:
            f = _outputs(network, data)
            break
        except ValueError as error:
            refused = refused or error
    else:
        assert refused is not None
        raise refused
    for key, values in network.module.named_buffers():
        if not torch.equal(values, before[key]):
            raise ValueError(
                f"{name(user)}: forward changes the buffer {key}, so that outputs depend on what was computed before: "
                "leave it out"
            )
    again = _outputs(network, data)
    if not torch.allclose(f, again, equal_nan=True):
        raise ValueError(
            f"{name(user)}: forward at width {run.neurons} returned other outputs when it was called a second time "
            "with the same inputs: no run could be repeated. Leave out all that is random in it"
        )
    return whole, f[0]


def _outputs(network: Modules, data: Dataset) -> Tensor:
    return network.outputs(network.start, network.inputs(data.x[:2]))


def _check_outputs(user: ModuleNetwork, flow: schema.Torch, f: object, data: Dataset, width: int) -> None:
    """Refuse outputs that the loss cannot compare with the targets."""
    forward = f"{name(user)}: forward at width {width}"
    if not isinstance(f, Tensor) or not f.is_floating_point():
        raise ValueError(f"{forward} returned {getattr(f, 'dtype', type(f).__name__)}, allowed is a tensor of numbers")
    rows, got, y = min(2, len(data.x)), tuple(f.shape), data.y
    if flow.loss == "cross_entropy":
        classes = int(max(y.max(), 0 if data.y_test is None else data.y_test.max())) + 1
        if got[:1] != (rows,) or got[1:-1] != y.shape[1:] or got[-1] < classes:
            raise ValueError(
                f"{forward} returned shape {got} for {rows} inputs, and labels go up to {classes - 1}; allowed is "
                f"({', '.join(map(str, (rows, *y.shape[1:])))}, classes) with {classes} classes or more"
            )
    elif flow.loss in registry.REGISTRY["loss"] and got not in ((rows, *y.shape[1:]), (rows, *y.shape[1:], 1)):
        raise ValueError(
            f"{forward} returned shape {got} for {rows} inputs, and targets have shape {y.shape}; allowed is "
            f"{(rows, *y.shape[1:])}, or flow.loss=cross_entropy where targets are labels of classes"
        )


def _vmapped(user: ModuleNetwork, run: Run, data: Dataset, whole: bool, options: Mapping[str, Any]) -> bool:
    """Return whether a stack is computed as one, and warn of a module that is not."""
    network = Modules.build([run, run], data, user, whole=whole, **options)
    x = network.inputs(data.x[:2])
    try:
        weights = tuple(block.clone().requires_grad_() for block in network.start)
        torch.autograd.grad(network.outputs(weights, x).sum(), weights, allow_unused=True)
    except Exception as error:
        cause = error.__cause__ or error
        warnings.warn(
            f"{name(user)}: torch.func.vmap cannot compute a stack of it, so its networks are trained one at a time, "
            f"which takes many times as long: {_line(cause)}{said(cause)}. Write it without if, .item(), .numpy() and "
            "changes in place that depend on the inputs or the weights: torch.where(condition, a, b) instead of if",
            stacklevel=2,
        )
        return False
    return True


def _line(error: BaseException) -> str:
    """Return the innermost line of the traceback that is neither torch's nor ours."""
    inner = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_OTHERS)]
    return f"{inner[-1].filename}, line {inner[-1].lineno}, " if inner else ""


def _check_step(flow: schema.Torch, network: Modules) -> None:
    """Refuse a loss, a schedule or arguments of the optimiser that raise or give something else."""
    try:
        getattr(torch.optim, flow.optimiser)([torch.zeros(1, requires_grad=True)], **flow.kwargs | {"lr": 1.0})
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"flow.kwargs = {dict(flow.kwargs)} do not fit torch.optim.{flow.optimiser}: {error}"
        ) from error
    flow = one_step(flow)
    trainer = OptimisedFlow(flow)
    f, y = _outputs(network, network.data)[0], trainer.targets(network, network.data.y[:2])
    _check_own("loss", flow.loss, (f, y), "one number, the mean over data points")
    _check_own("schedule", flow.schedule, (0, 10), "a number, the factor of the rate")
    try:
        trainer.step(trainer.start(network, torch.empty(0)))
    except RuntimeError as error:
        if "does not require grad" not in str(error):
            raise
        raise ValueError(
            f"network {network.label}: the loss has no gradient, so nothing could be trained: leave out .detach(), "
            ".data, .numpy(), torch.no_grad() and rounding, in forward and in flow.loss"
        ) from error


def _check_own(kind: str, path: str, arguments: tuple[Any, ...], allowed: str) -> None:
    """Refuse a function of the user's own that raises, or gives something else than one number."""
    if path in registry.REGISTRY[kind]:
        return
    own, function = f"flow.{kind} = {path!r}", registry.resolve(kind, path, f"flow.{kind}")
    try:
        value = function(*arguments)
    except Exception as error:
        raise ValueError(f"{own} raised {said(error)}") from error
    if isinstance(value, Tensor) and value.shape:
        raise ValueError(f"{own} returned shape {tuple(value.shape)}; allowed is {allowed}")
    if not isinstance(value, Tensor if kind == "loss" else Tensor | int | float):
        raise ValueError(f"{own} returned {type(value).__name__}; allowed is {allowed}")


def one_step(flow: schema.Torch) -> schema.Torch:
    """Return the flow that takes one step at a time, and any number of them."""
    return dataclasses.replace(flow, look=1, max_steps=10**6, epochs=None, stop=0.0)


def _sizes(user: ModuleNetwork, run: Run, data: Dataset, whole: bool) -> tuple[int, int]:
    """Return the numbers of parameters of a module, and of outputs of all its layers for one data point."""
    module = user.made(run)
    count = 0

    def add(layer: nn.Module, given: Any, output: Any) -> None:
        nonlocal count
        outputs = output if isinstance(output, tuple) else (output,)
        count += sum(one.numel() for one in outputs if isinstance(one, Tensor))

    hooks = [layer.register_forward_hook(add) for layer in module.modules() if not list(layer.children())]
    x = torch.as_tensor(data.x[:1]).to(torch.int64 if whole else torch.float32)
    with raised(user, f"forward at width {run.neurons}"), torch.no_grad():
        module.float()(x)
    for hook in hooks:
        hook.remove()
    return sum(values.numel() for values in module.parameters()), count + data.x[0].size
