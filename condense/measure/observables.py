"""What is measured when a run ends: functions from the ended runs to columns of their records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from condense.flows.base import State
from condense.flows.optimised import Trained
from condense.measure.clusters import Cover, covers, mean_abs_cosine
from condense.measure.reduction import NoOutputError, reduced
from condense.networks.base import OfNeurons, Theta, WithDirections
from condense.networks.two_layer import TwoLayer
from condense.schema import Measure

__all__ = ["Columns", "Observable", "alignment", "clusters", "ranks", "reduction"]
__all__ += ["relative_change", "rows_of", "spectrum", "unweighted"]

Columns = dict[str, list[Any]]
Observable = Callable[[State, Measure], Columns]


def relative_change(state: State, measure: Measure) -> Columns:
    """Return RD = |theta - theta(0)| / |theta(0)| of every block and of all, final and as supremum over the steps.

    Of three layers also the change of W2 in operator norm, and RD of each copy, which may differ.
    """
    network, final = state.network, state.stage.relative_change()
    columns = {f"rd_{block}": change.tolist() for block, change in final.items()}
    if isinstance(network, WithDirections):
        columns |= {name: change.tolist() for name, change in network.of_copies(state.displacement).items()}
    return {**columns, **{f"rd_{block}_sup": change.tolist() for block, change in state.sup.items()}}


def clusters(state: State, measure: Measure) -> Columns:
    """Return the number of directions and lines that cover the neurons, before and after; none without neurons.

    Of three layers the neurons are those of the first, which count by |w_k| times the length of column k of W2.

    Of modules those of the rows of every matrix of weights, each counting by its length: the columns have the name of
    the parameter behind them, "clusters_0.weight".
    """
    if isinstance(state, Trained):
        return _of_rows(state, measure)
    network = state.network
    if not isinstance(network, WithDirections):
        return {}
    after, before = _neurons(network, state.displacement), _initial_covers(network, measure)
    rows = [_row(*pair, measure) for pair in zip(after, before, strict=True)]
    return {name: [row[name] for row in rows] for name in rows[0]}


def unweighted(state: State, measure: Measure) -> Columns:
    """Return how many directions and lines cover the active neurons if each counts alike; none without neurons."""
    network = state.network
    if not isinstance(network, WithDirections):
        return {}
    counted = [
        replace(each, amplitudes=np.ones_like(each.amplitudes)) for each in _neurons(network, state.displacement)
    ]
    found = [each.covers(measure) for each in counted]
    return {
        "clusters_unweighted": [len(directions) for directions, _ in found],
        "lines_unweighted": [len(lines) for _, lines in found],
        "clusters_unweighted_capped": [any(cover.capped for cover in both) for both in found],
        "clusters_unweighted_exact": [all(cover.exact for cover in both) for both in found],
    }


def alignment(state: State, measure: Measure) -> Columns:
    """Return how the neurons lie to z = (1/n) sum_i y_i x_i, the direction in which small weights grow, and to sign(z).

    `cosine_z` is the mean of |cos(w_k, z)| over the active neurons weighted by |a_k||w_k|, `cosine_z_unweighted` the
    plain mean, `cosine_sign_z` and `cosine_sign_z_unweighted` the same to sign(z), where the first step of Adam goes;
    `share_z` is |w z| / (|w| |z|) over all neurons. All in the span of the data; none without neurons.

    Of modules how the rows w_k of every matrix W lie to v, the right singular vector of the largest singular value of
    the gradient of the loss by W at the start, in which a small W grows (of two layers it is z): `cosine_gradient_NAME`
    is sum_k |w_k v| / sum_k |w_k|, and `share_gradient_NAME` |W v| / |W|; missing where the gradient is zero.
    """
    if isinstance(state, Trained):
        return _along_gradient(state, measure)
    network = state.network
    if not isinstance(network, OfNeurons):
        return {}
    z = network.mean_input(state.targets)
    columns: Columns = {"share_z": network.share_along(state.displacement, z).tolist()}
    toward = {"z": network.in_span(z), "sign_z": network.in_span(z.sign())}
    cosines: Columns = {name: [] for key in toward for name in (f"cosine_{key}", f"cosine_{key}_unweighted")}
    for run, neurons in enumerate(_neurons(network, state.displacement)):
        for key, direction in toward.items():
            unit = direction[run].double().cpu().numpy()
            cosine = np.abs(unit @ neurons.directions) / np.linalg.norm(unit)
            total = neurons.amplitudes.sum()
            weighted = float(cosine @ neurons.amplitudes / total) if total > 0 else math.nan
            cosines[f"cosine_{key}"].append(weighted)
            cosines[f"cosine_{key}_unweighted"].append(float(cosine.mean()) if cosine.size else math.nan)
    return columns | cosines


def reduction(state: State, measure: Measure) -> Columns:
    """Return how few neurons give the output on the data within `measure.reduction`, and the change they leave.

    Neurons that see no data point are dropped, the others merged (`condense.measure.reduction.reduced`); of two-layer
    networks alone. Missing where weights or outputs overflowed or the output is zero.
    """
    network = state.network
    if not isinstance(network, TwoLayer):
        return {}
    found = []
    for run in range(len(state.run)):
        one = torch.tensor([run])
        found.append(_reduced(network.select(one), tuple(block[one] for block in state.displacement), measure))
    return {name: [each[name] for each in found] for name in ("effective_width", "reduction_error")}


def _reduced(network: TwoLayer, displacement: Theta, measure: Measure) -> dict[str, Any]:
    """Return the columns of `reduction` of a single network."""
    active = network.neurons(displacement)[2][0]
    w, a = (block[0][..., active].double().cpu().numpy() for block in network.parameters_in_span(displacement))
    rule: dict[str, Any] = {"homogeneous": network.homogeneous, "parity": network.parity}

    def outputs(*weights: NDArray[np.float64]) -> NDArray[np.float64]:
        f = network.outputs(*(torch.as_tensor(block).to(network.kappa)[None] for block in weights))
        return f[0].double().cpu().numpy()

    try:
        merged, change = reduced(w, a, outputs, tolerance=measure.reduction, **rule)
    except NoOutputError:
        return {"effective_width": None, "reduction_error": math.nan}
    return {"effective_width": len(merged), "reduction_error": change}


@dataclass(frozen=True)
class _Neurons:
    """The active neurons of one network: unit directions (d, m) and amplitudes (m,)."""

    directions: NDArray[np.float64]
    amplitudes: NDArray[np.float64]

    def covers(self, measure: Measure, lines: Sequence[bool] = (False, True)) -> list[Cover]:
        """Return the covers of directions and of lines by the rule of `measure`."""
        return covers(
            self.directions,
            self.amplitudes,
            threshold=measure.threshold,
            fraction=measure.fraction,
            most=measure.clusters_max,
            candidates=measure.centres,
            lines=lines,
        )


def _neurons(network: WithDirections, displacement: Theta) -> Iterator[_Neurons]:
    for run in zip(*network.neurons(displacement), strict=True):
        directions, amplitudes, active = (x.cpu().numpy() for x in (run[0].double(), run[1].double(), run[2]))
        chosen = np.flatnonzero(active & np.isfinite(amplitudes))
        yield _Neurons(directions.take(chosen, axis=1), amplitudes.take(chosen))


def _of_rows(state: Trained, measure: Measure) -> Columns:
    """Return the covers of the rows of every matrix that `measure.matrices` chooses."""
    columns: Columns = {}
    before = dict(_matrices(state, state.network.start, measure))
    for name, after in _matrices(state, state.stage.weights, measure):
        for one, two in zip(after, before[name], strict=True):
            initial = rows_of(two).covers(measure, lines=(False,))[0]
            for column, value in _row(rows_of(one), initial, measure).items():
                columns.setdefault(f"{column}_{name}", []).append(value)
    return columns


def rows_of(matrix: torch.Tensor) -> _Neurons:
    """Return the rows of a matrix as neurons whose amplitudes are their lengths."""
    rows = matrix.detach().double().cpu().numpy()
    lengths = np.linalg.norm(rows, axis=1)
    there = np.flatnonzero((lengths > 0) & np.isfinite(lengths))
    return _Neurons((rows[there] / lengths[there, None]).T, lengths[there])


def ranks(state: State, measure: Measure) -> Columns:
    """Return the effective rank and the share of the first direction of every matrix of weights of modules.

    With p_i = s_i / sum_j s_j, s_i the singular values, the effective rank is exp(-sum_i p_i log p_i) (Roy and Vetterli
    2007), and the top share s_1^2 / sum_j s_j^2: at the end, and of the effective rank at the start too.
    """
    if not isinstance(state, Trained):
        return {}
    columns: Columns = {}
    before = dict(_matrices(state, state.network.start, measure))
    for name, after in _matrices(state, state.stage.weights, measure):
        rank, share = spectrum(after)
        columns |= {f"rank_{name}": rank, f"rank_{name}_initial": spectrum(before[name])[0]}
        columns[f"top_share_{name}"] = share
    return columns


def _along_gradient(state: Trained, measure: Measure) -> Columns:
    """Return how the rows of matrices lie to the direction of the gradient at the start."""
    columns: Columns = {}
    gradients = dict(_matrices(state, state.gradient(state.network.start), measure))
    for name, matrices in _matrices(state, state.stage.weights, measure):
        _, sizes, vectors = torch.linalg.svd(gradients[name].nan_to_num(0, 0, 0).double(), full_matrices=False)
        along = (matrices.double() @ vectors[:, 0, :, None])[..., 0]
        there = torch.where(sizes[:, 0] > 0, 1.0, math.nan)
        lengths = matrices.double().norm(dim=2)
        columns[f"cosine_gradient_{name}"] = (there * along.abs().sum(dim=1) / lengths.sum(dim=1)).tolist()
        columns[f"share_gradient_{name}"] = (there * along.norm(dim=1) / lengths.norm(dim=1)).tolist()
    return columns


def _matrices(state: Trained, weights: Theta, measure: Measure) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the matrices (R, rows, columns) that `measure.matrices` chooses."""
    for name, matrices in state.network.matrices(weights):
        if any(fnmatchcase(name, pattern) for pattern in measure.matrices):
            yield name, matrices


def spectrum(matrices: torch.Tensor) -> tuple[list[float], list[float]]:
    """Return the effective rank and the top share of matrices (R, rows, columns), NaN of those that overflowed."""
    sound = matrices.flatten(1).isfinite().all(dim=1)
    values = torch.linalg.svdvals(matrices.nan_to_num(0, 0, 0).double())
    share = values / values.sum(dim=1, keepdim=True)
    rank = torch.special.entr(share).sum(dim=1).exp()
    top = values[:, 0] ** 2 / values.square().sum(dim=1)
    return tuple(torch.where(sound, x, math.nan).tolist() for x in (rank, top))  # type: ignore[return-value]


def _initial_covers(network: WithDirections, measure: Measure) -> list[Cover]:
    """Return the cover of the initial weights of every run; runs that start alike are counted once."""
    keys = [(start, repr(measure)) for start in network.starts]
    for run, key in enumerate(keys):
        if key not in network.notes:
            one = network.select(torch.tensor([run]))
            [neurons] = _neurons(one, one.rest)
            network.notes[key] = neurons.covers(measure, lines=(False,))[0]
    return [network.notes[key] for key in keys]


def _row(after: _Neurons, initial: Cover, measure: Measure) -> dict[str, Any]:
    final, lines = after.covers(measure)
    return {
        "clusters": len(final),
        "clusters_initial": len(initial),
        "clusters_capped": final.capped,
        "clusters_initial_capped": initial.capped,
        "clusters_exact": final.exact,
        "clusters_initial_exact": initial.exact,
        "lines": len(lines),
        "two_direction_share": final.two_direction_share,
        "two_direction_share_initial": initial.two_direction_share,
        "mean_abs_cosine": mean_abs_cosine(after.directions),
    }
