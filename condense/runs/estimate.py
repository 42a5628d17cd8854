"""What runs take, estimated from the config alone: seconds by itself on one core of a CPU, and memory.

The constants were fitted to single runs, measured in a process of their own with one thread (float64): four points in
one dimension with 500 to 1,000,000 neurons, 45 MNIST images with 1,000 to 400,000, two networks of a user's own with
2,000 to 1,000,000 parameters. For the exponential flow the time is right within a factor of two, for descent and
Adam, whose number of steps follows from the loss more than from the config, within ten. Memory is meant to be
overestimated by 5 to 30 % where it is large. No torch here, except to count the parameters of a user's network.
"""

from __future__ import annotations

import time

from condense.runs.problem import Problem
from condense.schema.measure import tried

__all__ = ["features", "memory_gb", "run_gb", "seconds"]

PROGRAM_GB = 0.62
"""Python with torch, numba and all the rest, and the features that a stage keeps."""

LOADING_GB = {"mnist": 0.65}
"""The peak of the program where it is loading the data that takes most."""

ROWS = 2**12
"""Data points that modules look at together, as many as `condense.flows.optimised.ROWS`."""

FEW_ROWS = 64
"""Rows of the change of an m x m matrix that count as features; there are at most twice as many, by experience."""

DROPOUT = 2.5
"""How many times longer a step is that takes its gradient from a sampled network."""


def features(problem: Problem, width: int) -> int:
    """Return the numbers in the features of a run: copies x neurons x data points, or x parameters of a user's net.

    Of three layers the rows count too in which the change of the m x m matrix is kept.

    Of a module, of which no features are kept, copies x (parameters + what its layers give for a minibatch).
    """
    if problem.modules is not None:
        counts = problem.tried
        return problem.copies * (counts.parameters[width] + _rows(problem) * counts.activations[width])
    neurons = width if problem.user is None else _parameters(problem, width)
    rows = FEW_ROWS if problem.three_layer else 0
    return problem.copies * neurons * (len(problem.data.y) + rows)


def seconds(problem: Problem, width: int) -> float:
    """Return about how long a run takes: its draw, its steps, its clusters.

    A step by torch takes 0.5 ms and 30 ns a feature or more, a compiled one 1 ms and 11 ns a neuron on four points, one
    of three layers 4 ms, 20 ns a feature and .75 ns a number that the matrix is multiplied with. Of modules steps and a
    measurement are timed in a small stack: there are as many of these as moments, and one at the end.
    """
    if problem.modules is not None:
        a_step, measurement = _timed(problem, width)
        moments = problem.config.snapshots.moments(problem.config.flow.steps_for(len(problem.data.x)))
        return 0.01 + _steps(problem) * a_step + (1 + len(moments)) * measurement
    size, flow = features(problem, width), problem.config.flow
    if problem.user is not None:
        return 0.01 + _steps(problem) * (7e-3 + 5e-8 * size)
    dimension, neurons = _dimension(problem), problem.copies * width
    step: float = 5e-4 + flow.step_cost * (2.7e-8 + 9e-10 * dimension) * size
    if problem.config.network.keep < 1:
        step *= DROPOUT
    if problem.three_layer:
        step = 4e-3 + 2e-8 * size + 7.5e-10 * neurons * width * len(problem.data.y)
    if problem.fused:
        step = 1e-3 + 3e-10 * (len(problem.data.y) + 2) ** 2 * neurons
    each = 2e-7 if dimension == 2 else 1.5e-6 + 4e-8 * dimension
    if dimension > 2:
        each *= tried(neurons, problem.config.measure.centres) / 512
    clusters = each * neurons if _counts_clusters(problem) else 0.0
    return 0.01 + 3e-8 * dimension * neurons + _steps(problem) * step + clusters


def _steps(problem: Problem) -> float:
    flow = problem.config.flow
    expected = flow.expected_steps(problem.fused) * (2 if problem.three_layer else 1)
    return float(min(flow.steps_for(len(problem.data.x)), expected))


def _timed(problem: Problem, width: int) -> tuple[float, float]:
    """Return the seconds of a step and of a measurement of a module, taken once a setting and width."""
    measure = problem.config.measure
    one = id(problem.modules), problem.setting, repr(measure), width
    if one not in _times:
        from condense.flows import rehearsal
        from condense.measure.measured import measured

        counts = problem.tried
        run = next(run for run in problem.runs.values() if run.neurons == width)
        assert problem.modules is not None
        step, state = rehearsal.seconds(
            problem.modules,
            problem.config.flow,
            problem.data,
            run,
            whole=counts.whole,
            vmapped=counts.vmapped,
            **problem.stacking,
        )
        clock = time.perf_counter()
        measured(state, measure)
        _times[one] = step, (time.perf_counter() - clock) / len(state.run)
    return _times[one]


_times: dict[tuple[int, str, str, int], tuple[float, float]] = {}


def memory_gb(problem: Problem, width: int, runs: int = 1) -> float:
    """Return about how much memory a batch of runs takes at its peak, the program and its data included.

    That is some copies of all parameters in a step, or when clusters are counted some numbers a neuron (float64, 34 in
    two dimensions), and 12 kernels of n x n; with dropout two masks; for a user's network 12 Jacobians; for a module 16
    copies of its parameters and 7 of what its layers give for a minibatch; for three layers the matrix at the start,
    which all runs of a batch share, and some copies of the rows of its change.
    """
    x, data = problem.data.x, problem.config.data
    loaded = LOADING_GB.get(data.name, 0.0) if data.path is None else 0.0
    looks = 1e-9 * _looking_bytes(problem, width, runs) if problem.modules is not None else 0.0
    matrix = 1e-9 * _number(problem) * width**2 if problem.three_layer else 0.0
    return max(loaded, PROGRAM_GB + 4e-9 * x.nbytes + matrix + runs * run_gb(problem, width) + looks)


def run_gb(problem: Problem, width: int) -> float:
    """Return about how much memory one run of a batch takes at its peak."""
    return 1e-9 * _bytes(problem, width)


def _bytes(problem: Problem, width: int) -> float:
    number = _number(problem)
    if problem.modules is not None:
        counts, rows = problem.tried, _rows(problem)
        parameters = problem.config.flow.memory * counts.parameters[width]
        network = problem.copies * (parameters + 7 * rows * counts.activations[width])
        return float(number * (network + rows * problem.data.x[0].size))
    kernels = 12 * number * len(problem.data.y) ** 2
    if problem.user is not None:
        return 12 * number * features(problem, width) + kernels
    neurons, dimension = problem.copies * width, _dimension(problem)
    if problem.three_layer:
        return number * neurons * (12 * 2 * FEW_ROWS + 20 * len(problem.data.y)) + kernels
    step: float = problem.config.flow.memory * number * (dimension + 1) * neurons
    pairs = tried(neurons, problem.config.measure.centres) * neurons if dimension > 2 else 0
    clusters = 8 * (4 * dimension + 26) * neurons + 0.4 * pairs if _counts_clusters(problem) else 0
    masks = 2 * features(problem, width) if problem.config.network.keep < 1 else 0
    return max(step + kernels + masks, clusters)


def _rows(problem: Problem) -> int:
    """Return for how many data points a stack of modules holds what its layers give: those of a minibatch."""
    n = len(problem.data.x)
    return min(problem.config.flow.batch_size or n, n)


def _looking_bytes(problem: Problem, width: int, runs: int) -> float:
    """Return what modules take to look at all data at once, or at as much of it as is looked at together.

    Second derivatives need what layers give several times over.
    """
    curved = {"sharpness", "ntk"} & set(problem.config.measure.observables)
    rows = min(ROWS, runs * len(problem.data.x))
    return float((10 if curved else 1) * _number(problem) * rows * problem.tried.activations[width])


def _number(problem: Problem) -> int:
    return 8 if problem.config.dtype == "float64" else 4


def _dimension(problem: Problem) -> int:
    """Return the dimension in which weights are trained: the span of the data, or all where that is not exact."""
    n, d = problem.data.x.shape
    inputs = int(d) + problem.config.network.bias
    return min(int(n), inputs) if problem.config.flow.rotation_invariant else inputs


def _counts_clusters(problem: Problem) -> bool:
    return "clusters" in problem.config.measure.observables


def _parameters(problem: Problem, width: int) -> int:
    counted = id(type(problem.user)), problem.setting, width
    if counted not in _counts:
        from condense.networks.functional import parameters  # torch takes seconds to import

        assert problem.user is not None
        _counts[counted] = parameters(problem.user, width)
    return _counts[counted]


_counts: dict[tuple[int, str, int], int] = {}
