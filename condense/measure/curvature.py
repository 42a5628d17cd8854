"""How the loss and the tangent kernel of modules are curved: sharpness, and the change of the neural tangent kernel.

Both by products with vectors alone: no Hessian and no Jacobian is ever stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from condense.flows.base import State
from condense.flows.optimised import Trained
from condense.networks.base import Theta
from condense.networks.batched import per_run
from condense.networks.modules import Modules
from condense.schema import Measure

__all__ = ["largest_eigenvalue", "ntk", "sharpness"]

ITERATIONS = 100
"""Steps of Lanczos at most."""

TOLERANCE = 1e-4
"""Relative error of an eigenvalue at which Lanczos ends."""

Columns = dict[str, list[float]]

Product = Callable[[Theta], Theta]


def sharpness(state: State, measure: Measure) -> Columns:
    """Return the largest eigenvalue of the Hessian of the loss over all training data, of every network of modules.

    By Lanczos from Hessian-vector products. `sharpness_error` bounds how far an eigenvalue is from it (the residual
    of the Ritz pair): at most 1e-4 of it, unless 100 products do not get there. Missing where the loss is not finite.
    """
    if not isinstance(state, Trained):
        return {}
    value, error = largest_eigenvalue(lambda vector: _hessian(state, vector), state.stage.weights)
    return {"sharpness": value.tolist(), "sharpness_error": error.tolist()}


def ntk(state: State, measure: Measure) -> Columns:
    """Return the relative change |K - K(0)| / |K(0)| (Frobenius) of the neural tangent kernel of modules.

    K = J J^T, J the derivatives of the outputs on the first `measure.points` data points by all parameters, column by
    column: K e = J (J^T e).
    """
    if not isinstance(state, Trained):
        return {}
    network = state.network
    x = network.inputs(network.data.x[: measure.points])
    moved, size = torch.zeros_like(network.rates), torch.zeros_like(network.rates)
    for after, before in zip(_kernel(network, state.stage.weights, x), _kernel(network, network.start, x), strict=True):
        moved += (after - before).square().sum(dim=1)
        size += before.square().sum(dim=1)
    return {"ntk_change": (moved / size).sqrt().tolist()}


def largest_eigenvalue(product: Product, like: Theta) -> tuple[Tensor, Tensor]:
    """Return the largest eigenvalue of symmetric matrices, one a run, and the residual of its Ritz pair, each (R,).

    Args:
        product: from vectors, in blocks (R, ...), to what the matrices make of them.
        like: blocks of the shape of such vectors.

    >>> matrix = torch.diag(torch.tensor([3.0, -5.0, 1.0], dtype=torch.float64))[None]
    >>> like = (torch.zeros(1, 3, dtype=torch.float64),)
    >>> value, error = largest_eigenvalue(lambda vector: ((matrix @ vector[0][..., None])[..., 0],), like)
    >>> round(value.item(), 9), error.item() < 1e-3
    (3.0, True)
    """
    vector, last = _start(like), tuple(torch.zeros_like(block) for block in like)
    beta = torch.zeros(len(like[0])).to(like[0])
    diagonal, beside = list[Tensor](), list[Tensor]()
    value = error = torch.full_like(beta, math.inf, dtype=torch.float64)
    for _ in range(min(ITERATIONS, sum(block[0].numel() for block in like))):
        image = product(vector)
        alpha = _dot(vector, image)
        image = tuple(
            new - per_run(alpha, new) * now - per_run(beta, new) * old
            for new, now, old in zip(image, vector, last, strict=True)
        )
        beta = _dot(image, image).sqrt()
        diagonal.append(alpha)
        beside.append(beta)
        going = error > TOLERANCE * value.abs()  # not if it is NaN; a run ends by itself, whatever others there are
        going |= error.isinf()
        if not going.any():
            break
        value, error = (torch.where(going, *pair) for pair in zip(_ritz(diagonal, beside), (value, error), strict=True))
        last, vector = vector, _scaled(image, torch.where(beta > 0, 1 / beta, 0.0))
    return value, error


def _start(like: Theta) -> Theta:
    """Return random vectors of length 1, the same for every run."""
    generator = torch.Generator().manual_seed(0)
    one = [torch.randn(block.shape[1:], generator=generator, dtype=torch.float64) for block in like]
    length = torch.stack([block.norm() for block in one]).norm()
    return tuple((x / length).to(block).expand_as(block) for x, block in zip(one, like, strict=True))


def _ritz(diagonal: list[Tensor], beside: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the largest eigenvalue of tridiagonal matrices, and the residual of its vector."""
    matrix = torch.diag_embed(torch.stack(diagonal, dim=1))
    if len(diagonal) > 1:
        off = torch.diag_embed(torch.stack(beside[:-1], dim=1), 1)
        matrix = matrix + off + off.mT
    sound = matrix.flatten(1).isfinite().all(dim=1)
    values, vectors = torch.linalg.eigh(matrix.nan_to_num(0, 0, 0).double())
    value, error = values[:, -1], vectors[:, -1, -1].abs() * beside[-1]
    return torch.where(sound, value, math.nan), torch.where(sound, error, math.nan)


@torch.enable_grad()
def _hessian(state: Trained, vector: Theta) -> Theta:
    """Return the Hessian of the loss over all training data times a vector, run by run."""
    image = tuple(torch.zeros_like(block) for block in vector)
    weights = tuple(block.detach().requires_grad_() for block in state.stage.weights)
    for loss in state.objective(weights):
        gradient = torch.autograd.grad(loss.sum(), weights, create_graph=True, materialize_grads=True)
        products = _gradient(_dot(gradient, vector), weights)
        image = tuple(one + two for one, two in zip(image, products, strict=True))
    return image


def _kernel(network: Modules, theta: Theta, x: Tensor) -> Iterator[Tensor]:
    """Yield the columns of K = J J^T, each (R, n c) for n inputs and c outputs.

    J v is the derivative by u of <J^T u, v>, which is linear in u, so that reverse derivatives are enough.
    """
    weights = tuple(block.detach().requires_grad_() for block in theta)
    with torch.enable_grad():
        f = network.outputs(weights, x).flatten(1)
        u = torch.zeros_like(f, requires_grad=True)
        pulled = torch.autograd.grad(f, weights, u, create_graph=True, materialize_grads=True)
        for column in range(f.shape[1]):
            unit = torch.zeros_like(f)
            unit[:, column] = 1.0
            back = torch.autograd.grad(f, weights, unit, retain_graph=True, materialize_grads=True)
            yield _gradient(_dot(pulled, back), (u,))[0]


def _gradient(of: Tensor, by: Theta) -> Theta:
    """Return the derivatives of a sum over runs, zero of what depends on nothing; the graph is kept."""
    if not of.requires_grad:
        return tuple(torch.zeros_like(block) for block in by)
    return torch.autograd.grad(of.sum(), by, retain_graph=True, materialize_grads=True)


def _dot(one: Theta, two: Theta) -> Tensor:
    return torch.stack([(x * y).flatten(1).sum(dim=1) for x, y in zip(one, two, strict=True)]).sum(dim=0)


def _scaled(vector: Theta, factor: Tensor) -> Theta:
    return tuple(per_run(factor, block) * block for block in vector)
