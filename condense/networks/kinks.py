"""Neurons that run into their kinks within a step: they are followed from one kink to the next.

Between its kinks a neuron of s(z) = max(z, leak z) moves by the same data points. Beyond one it may turn back: a step
that takes no notice carries it through several at once, to where it sees no data point and never moves again. The
others then have to grow for it, and the relative change is too large.
"""

from __future__ import annotations

import torch
from torch import Tensor

from condense.networks.unrolled import EXACT, OVERSHOOT, PIECES

__all__ = ["crossing", "follow"]


def crossing(inputs: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return which neurons see other data points at the end, (R, m), for inputs (n, r) and weights (R, r, m)."""
    seen: Tensor = (torch.matmul(inputs, start) > 0) != (torch.matmul(inputs, end) > 0)
    return seen.any(dim=1)


def follow(inputs: Tensor, leak: float, w: Tensor, a: Tensor, for_w: Tensor, for_a: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far neurons move in a step of s(z) = max(z, leak z), of w (r, k) and of a (k,).

    With z_i = w.x_i, over t from 0 to 1,

        dw/dt = -sum_i for_w_i a s'(z_i) x_i,    da/dt = -sum_i for_a_i s(z_i),

    by a straight line from each kink to the next. Inputs (n, r), for_w and for_a (n, k).
    """
    moved_w, moved_a, left = torch.zeros_like(w), torch.zeros_like(a), torch.ones_like(a)
    for piece in range(PIECES):
        there = a + moved_a
        z = inputs @ (w + moved_w)
        slope = torch.where(z > 0, torch.ones_like(z), leak)
        velocity, change = -inputs.T @ (for_w * slope * there), -(for_a * slope * z).sum(dim=0)
        approach = inputs @ velocity
        ahead = torch.where(z > 0, approach < 0, approach > 0)
        times = torch.where(ahead, OVERSHOOT - z / approach, torch.inf)
        time = torch.minimum(times.amin(dim=0), left)
        if piece >= EXACT:
            time = torch.maximum(time, left / (PIECES - piece))
        moved_w, moved_a, left = moved_w + time * velocity, moved_a + time * change, left - time
        if not (left > 0).any():
            break
    return moved_w, moved_a
