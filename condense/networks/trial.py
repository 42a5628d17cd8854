"""Whether a user's network is what a flow needs: its draws, its outputs and their gradient, tried before any run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from condense.data import Dataset
from condense.networks.base import Run
from condense.networks.functional import Functional, UserNetwork, check_scales, draw, name
from condense.plane import Scales
from condense.registry import said

__all__ = ["try_out"]

LARGEST = 2_000_000
"""Parameters of the largest draw that is made only to see that it can be made."""

Draw = Mapping[str, Tensor]


def try_out(user: UserNetwork, data: Dataset, widths: Sequence[int], seeds: Sequence[int], **options: Any) -> None:
    """Draw a network at every width, and at the smallest let it make its first forward and backward pass.

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
    for more in larger:
        if (more / width) ** 2 * sum(block.numel() for block in first.values()) <= LARGEST:
            drawn(more, seeds[0])
    try:
        _check_forward(user, first, torch.as_tensor(data.x, dtype=options["dtype"], device=options["device"]))
        network = Functional.build([_run(width, seeds[0])], data, user, **options)
        network.stage(network.rest)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"{name(user)}: forward at width {width} raised {said(error)}") from error


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


def _check_forward(user: UserNetwork, drawn: Draw, x: Tensor) -> None:
    """Refuse outputs of another kind than one number an input, in the precision of the run, with a gradient."""

    def forward() -> Tensor:
        return user.forward({block: values.clone().requires_grad_() for block, values in drawn.items()}, x)

    f = forward()
    if not isinstance(f, Tensor):
        raise ValueError(f"{name(user)}: forward returned {type(f).__name__}, allowed is a tensor of torch")
    if f.shape != x.shape[:1]:
        raise ValueError(
            f"{name(user)}: forward returned shape {tuple(f.shape)} for {len(x)} inputs; "
            f"allowed is ({len(x)},), one scalar an input"
        )
    if f.dtype != x.dtype:
        raise ValueError(
            f"{name(user)}: forward returned {_kind(f)} for parameters and inputs in {_kind(x)}; compute in the "
            f"precision given, without .float(), .int() or constants of another dtype{_or_single(f)}"
        )
    if not f.requires_grad:
        raise ValueError(
            f"{name(user)}: the outputs of forward have no gradient, so nothing could be trained: leave out "
            ".detach(), .data, .numpy(), torch.no_grad() and rounding"
        )
    if not torch.allclose(f, forward(), equal_nan=True):
        raise ValueError(
            f"{name(user)}: forward returned other outputs when it was called a second time with the same parameters "
            "and inputs: no run could be repeated. Leave out all that is random in it, and what it counts"
        )


def _kind(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


def _or_single(f: Tensor) -> str:
    return ", or set dtype=float32" if f.dtype == torch.float32 else ""
