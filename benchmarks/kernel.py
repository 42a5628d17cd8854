"""One evaluation of all neurons as a single loop, unrolled over the n data points and r dimensions, by numba.

A neuron is read, moved by v, and its share of the sums is added up:

    w <- w - sum_i v_i g_i x_i,   a <- a - c sum_i v_i h_i,   then f_i += a h_i,  H_ij += h_i h_j,  G_ij += g_i g_j

with h = max(w . x, 0) and g = a 1(w . x > 0): what the exponential integrator needs of a predictor (the moved neuron
forgotten) or of an accepted step (the moved neuron kept). The n + n (n + 1) sums stay in registers if they are few.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numba

__all__ = ["compiled", "source", "sums"]

Kernel = Callable[..., None]


def sums(n: int) -> int:
    """Return how many sums a kernel writes: f, and the lower triangles of H and G.

    >>> sums(4)
    24
    """
    return n + n * (n + 1)


@functools.cache
def compiled(n: int, r: int, *, keep: bool) -> Kernel:
    """Return kernel(w, a, x, v, c, out): w (r, m), a (m,), x (n, r), v (n,), out (sums(n),); w and a moved if `keep`.

    out holds f, then for every i and every j <= i the sums H_ij and G_ij. The interpreter's lock is released.
    """
    names: dict[str, Any] = {}
    exec(source(n, r, keep=keep), names)
    kernel: Kernel = numba.njit(fastmath=True, nogil=True, error_model="numpy")(names["kernel"])
    return kernel


def source(n: int, r: int, *, keep: bool) -> str:
    """Return the source of the kernel."""
    points, dimensions = range(n), range(r)
    pairs = [(i, j) for i in points for j in range(i + 1)]
    totals = [f"f{i}" for i in points] + [f"{name}{i}_{j}" for i, j in pairs for name in "HG"]
    before = [f"x{i}_{q} = x[{i}, {q}]" for i in points for q in dimensions]
    before += [f"v{i} = v[{i}]" for i in points] + [f"{total} = 0.0" for total in totals]
    body = [f"w{q} = w[{q}, k]" for q in dimensions] + ["b = a[k]", *_features(n, r)]
    body += [f"w{q} -= " + " + ".join(f"v{i} * x{i}_{q} * g{i}" for i in points) for q in dimensions]
    body += ["b -= c * (" + " + ".join(f"v{i} * h{i}" for i in points) + ")"]
    if keep:
        body += [f"w[{q}, k] = w{q}" for q in dimensions] + ["a[k] = b"]
    body += _features(n, r)
    body += [f"f{i} += b * h{i}" for i in points]
    body += [line for i, j in pairs for line in (f"H{i}_{j} += h{i} * h{j}", f"G{i}_{j} += g{i} * g{j}")]
    after = [f"out[{place}] = {total}" for place, total in enumerate(totals)]
    lines = ["def kernel(w, a, x, v, c, out):", *_indented(before, 1), "    for k in range(a.shape[0]):"]
    return "\n".join([*lines, *_indented(body, 2), *_indented(after, 1)])


def _features(n: int, r: int) -> list[str]:
    lines = []
    for i in range(n):
        lines.append(f"z{i} = " + " + ".join(f"x{i}_{q} * w{q}" for q in range(r)))
        lines += [f"h{i} = max(z{i}, 0.0)", f"g{i} = b if z{i} > 0.0 else 0.0"]
    return lines


def _indented(lines: list[str], depth: int) -> Iterator[str]:
    return ("    " * depth + line for line in lines)
