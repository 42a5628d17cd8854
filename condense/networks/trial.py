"""Whether a user's network is what a flow needs: its draws, its outputs and their gradient, tried before any run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from condense.data import Dataset
from condense.networks.errors import name, out_of_memory, raised
from condense.networks.functional import Functional, UserNetwork, check_scales, draw
from condense.planes.scales import Scales
from condense.run import Run

__all__ = ["try_out"]

LARGEST = 2_000_000
"""Parameters of the largest network that makes a pass only to see that it can."""

Draw = Mapping[str, Tensor]


def try_out(user: UserNetwork, data: Dataset, widths: Sequence[int], seeds: Sequence[int], **options: Any) -> None:
    """Let a network make a forward pass at every width, and at the smallest the backward pass too.

    Args:
        user: the network.
        data: what it is given.
        widths, seeds: those of the runs.
        options: device, dtype and antisymmetric, as of `Functional.build`.

    Raises:
        ValueError: it cannot be trained, or a run of it could not be repeated; the message says why.
    """
    width, *larger = sorted(widths)
    blocks = check_scales(user)

    def drawn(width: int, seed: int) -> Draw:
        return draw(user, _run(width, seed), blocks, options["dtype"], options["device"])

    first = drawn(width, seeds[0])
    _check_generator(user, first, drawn(width, seeds[0]), width, seeds[0])
    if len(seeds) > 1:
        _check_seeds(user, first, drawn(width, seeds[1]), seeds)
    x = torch.as_tensor(data.x, dtype=options["dtype"], device=options["device"])
    _check_forward(user, first, x, width)
    network = Functional.build([_run(width, seeds[0])], data, user, **options)
    network.stage(network.rest)
    for more in larger:
        if (more / width) ** 2 * sum(block.numel() for block in first.values()) <= LARGEST:
            try:
                f = _forward(user, drawn(more, seeds[0]), x, more)
            except Exception as error:
                if not out_of_memory(error):
                    raise
                return  # where it is to be trained there may be more
            _check_outputs(user, f, x, more)


def _run(width: int, seed: int) -> Run:
    return Run(Scales(1.0, 1.0, 1.0), width, seed)


def _check_generator(user: UserNetwork, first: Draw, again: Draw, width: int, seed: int) -> None:
    different = [block for block in first if not _same(first[block], again[block])]
    if different:
        raise ValueError(
            f"{name(user)}: init drew other blocks {different} when it was called a second time for width {width} and "
            f"seed {seed}: no run could be repeated. Draw from the generator that it is given, "
            "torch.randn(m, generator=generator) say"
        )


def _check_seeds(user: UserNetwork, first: Draw, other: Draw, seeds: Sequence[int]) -> None:
    if all(_same(first[block], other[block]) for block in first):
        raise ValueError(
            f"{name(user)}: init draws the same blocks for seeds {seeds[0]} and {seeds[1]}, so seeds would repeat "
            "nothing. Draw from the generator that it is given, torch.randn(m, generator=generator) say, or take one "
            f"seed: seeds=[{seeds[0]}]"
        )


def _same(one: Tensor, two: Tensor) -> bool:
    return one.shape == two.shape and torch.allclose(one, two, rtol=0, atol=0, equal_nan=True)


def _forward(user: UserNetwork, drawn: Draw, x: Tensor, width: int) -> Tensor:
    with raised(user, f"forward at width {width}"):
        return user.forward({block: values.clone().requires_grad_() for block, values in drawn.items()}, x)


def _check_forward(user: UserNetwork, drawn: Draw, x: Tensor, width: int) -> None:
    """Refuse outputs that differ from call to call, and what `_check_outputs` refuses."""
    f = _forward(user, drawn, x, width)
    _check_outputs(user, f, x, width)
    if not torch.allclose(f, _forward(user, drawn, x, width), equal_nan=True):
        raise ValueError(
            f"{name(user)}: forward at width {width} returned other outputs when it was called a second time "
            "with the same parameters and inputs: no run could be repeated. Leave out all that is random in "
            "it, and what it counts"
        )


def _check_outputs(user: UserNetwork, f: object, x: Tensor, width: int) -> None:
    """Refuse outputs of another kind than one number an input, in the precision of the run, with a gradient."""
    forward = f"{name(user)}: forward at width {width}"
    if not isinstance(f, Tensor):
        raise ValueError(f"{forward} returned {type(f).__name__}, allowed is a tensor of torch")
    if f.shape != x.shape[:1]:
        raise ValueError(
            f"{forward} returned shape {tuple(f.shape)} for {len(x)} inputs; "
            f"allowed is ({len(x)},), one scalar an input"
        )
    if f.dtype != x.dtype:
        raise ValueError(
            f"{forward} returned {_kind(f)} for parameters and inputs in {_kind(x)}; compute in the precision given, "
            f"without .float(), .int() or constants of another dtype{_or_single(f)}"
        )
    if not f.requires_grad:
        raise ValueError(
            f"{forward} returned outputs that have no gradient, so nothing could be trained: leave out "
            ".detach(), .data, .numpy(), torch.no_grad() and rounding"
        )


def _kind(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


def _or_single(f: Tensor) -> str:
    return ", or set dtype=float32" if f.dtype == torch.float32 else ""
