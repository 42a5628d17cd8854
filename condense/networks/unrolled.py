"""Compiled kernels for the steps of a two-layer network with few data points: one pass over the neurons each.

A neuron's features on n points in r dimensions are a few dozen numbers. They stay in registers if the loops over
points and dimensions are written out, so this module writes them out: Python source for one (n, r), compiled by numba
and kept on disk with its machine code. `condense.networks.two_layer` by torch is the reference for what they compute.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from durable import files

__all__ = ["CHUNK", "LEAKS", "Kernels", "kernels", "unrollable"]

CHUNK = 4096
"""Neurons whose sums are taken together; the sums of the chunks are added up by the caller, always in one order."""

LEAKS = {"relu": 0.0, "leaky_relu": 0.01}
"""The activations that kernels are made for, s(z) = max(z, leak z)."""

POINTS, PRODUCT = 8, 36
"""Beyond so many points, or points x dimensions, the registers run over and BLAS is faster.

Up to so many points neurons are followed through their kinks, `condense.networks.kinks`; with more, each matters less.
"""

EXACT, PIECES = 4, 8
"""A neuron is followed to its next kink for so many pieces of a step; what is left of the step then is cut evenly, into
so many pieces in all, since a neuron that is pushed onto a kink from both sides comes no further."""

OVERSHOOT = 1e-9
"""A piece ends beyond its kink by this share of the step, much more than rounding can take back."""


def unrollable(n: int, r: int) -> bool:
    """Return whether kernels are made for n data points that span r dimensions.

    >>> unrollable(4, 2), unrollable(45, 45)
    (True, False)
    """
    return n <= POINTS and 0 < n * r <= PRODUCT


@dataclass(frozen=True)
class Kernels:
    """The passes over the neurons of a network with h_i = s(x_i . w), g_i = a s'(x_i . w) and s(z) = max(z, leak z).

    Both take tasks first to last, a task being a chunk of the neurons of a copy of a run, and for every task leave the
    sums over its neurons in a row of `sums`: f_i = sum a h_i, then for i >= j the products sum h_i h_j and sum g_i g_j.
    Neurons that cross a kink are followed through it, as `condense.networks.kinks.follow` does.
    Arguments: first, last, parts (tasks a run); inputs (n, r); the draw w (S, r, m) and a (S, m); for each run its
    draw, its place and its slot; the displacement of w (2, places, r, copies m) and of a (2, places, copies m), a
    run's in its slot; and for pullbacks F v the factors of g x and of h, each (R, n).

    predict(..., pw, pa, sums): theta_p = theta - F p; the sums at theta_p.
    correct(..., pw, pa, uw, ua, vw, va, sums): theta1 = theta - F u - F_p v, its displacement written to the run's
        other slot; the sums at theta1 and then of |theta1 - theta_p|^2, |theta1 - theta(0)|^2 and |theta1|^2, each for
        w and a.
    """

    predict: Callable[..., None]
    correct: Callable[..., None]


@functools.cache
def kernels(n: int, r: int, leak: float) -> Kernels:
    """Return the kernels for n points in r dimensions; the first time on a machine they are compiled, some seconds."""
    module = _module(_source(n, r, leak))
    return Kernels(module.predict, module.correct)


def _module(source: str) -> ModuleType:
    """Return the module of some source, kept as a file: numba keeps machine code only beside a file."""
    from llvmlite.binding import get_host_cpu_name

    machine = f"{source}{get_host_cpu_name()}"  # nodes of other kinds that share a home have files of their own
    name = f"unrolled_{hashlib.sha256(machine.encode()).hexdigest()[:16]}"
    path = _folder() / f"{name}.py"
    if not path.exists() or path.read_text() != source:
        files.write(path, source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where numba looks for it when it loads what it kept
    spec.loader.exec_module(module)
    del module.__file__  # nobody's source: not to be taken for the code of an app
    return module


@functools.cache
def _folder() -> Path:
    """Return the folder of compiled kernels: condense/ in the user's cache, or a new one where none can be written."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "condense"
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache) as trial:
            trial.write(bytes(2**20))  # a home over its quota still takes an empty file
        return cache
    except (OSError, RuntimeError):  # no home at all
        atexit.register(shutil.rmtree, folder := tempfile.mkdtemp(prefix="condense"), ignore_errors=True)
        return Path(folder)


def _source(n: int, r: int, leak: float) -> str:
    """Return the source of both kernels."""
    writer = _Writer(n, r, leak)
    head = HEAD.format(n=n, r=r, leak=leak, exact=EXACT, pieces=PIECES, overshoot=OVERSHOOT)
    return "\n".join([head, *writer.kernel("predict", "p"), *writer.kernel("correct", "puv"), ""])


HEAD = '''\
"""Written by condense.networks.unrolled."""

import numpy as np
from numba import njit

options = {{"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {{"contract", "reassoc", "nsz"}}}}


@njit(**options)
def follow(x, w, a, for_w, for_a, z, velocity, moved):
    moved[:] = 0.0
    left = 1.0
    for piece in range({pieces}):
        velocity[:] = 0.0
        there = a + moved[{r}]
        for i in range({n}):
            z[i] = 0.0
            for q in range({r}):
                z[i] += x[i, q] * (w[q] + moved[q])
            slope = 1.0 if z[i] > 0.0 else {leak}
            velocity[{r}] -= for_a[i] * slope * z[i]
            for q in range({r}):
                velocity[q] -= for_w[i] * slope * there * x[i, q]
        time = left
        for i in range({n}):
            approach = 0.0
            for q in range({r}):
                approach += x[i, q] * velocity[q]
            if approach < 0.0 if z[i] > 0.0 else approach > 0.0:
                time = min(time, {overshoot} - z[i] / approach)
        if piece >= {exact}:
            time = max(time, left / ({pieces} - piece))
        moved += time * velocity
        left -= time
        if not left > 0.0:
            break'''


@dataclass(frozen=True)
class _Writer:
    """Writes the loops over n points and r dimensions out.

    In what it writes, o is the drawn weight of a neuron, d its displacement and w, a where it is; h, g are its
    features at theta, y, b those at theta_p; s, t, r say which points it sees; x0_1 is component 1 of point 0.
    """

    n: int
    r: int
    leak: float

    def kernel(self, name: str, pulls: str) -> Iterator[str]:
        """Return the lines of a kernel with the factors of some pullbacks.

        It goes over the neurons of a chunk twice: over all, with sums over those that cross no kink, then over those
        that do.
        """
        points, dimensions, corrects = range(self.n), range(self.r), name == "correct"
        factors = ", ".join(f"{v}w, {v}a" for v in pulls)
        yield from ("", "", "@njit(**options)")
        yield f"def {name}(first, last, parts, inputs, w_drawn, a_drawn, draw, place, slot, dw, da, {factors}, sums):"
        yield from _indent(1, ["m = a_drawn.shape[1]", f"chunks = (m + {CHUNK - 1}) // {CHUNK}"])
        yield from _indent(1, [f"x{i}_{q} = inputs[{i}, {q}]" for i in points for q in dimensions])
        yield from _indent(1, [f"crossed = np.empty({CHUNK}, np.bool_)"])
        yield from _indent(1, [f"z, there, velocity, moved = {', '.join(f'np.empty({k})' for k in self._lengths())}"])
        yield from _indent(1, ["for task in range(first, last):"])
        yield from _indent(2, self._task(pulls, corrects))
        totals = [*self._sums(), *(self._gauge() if corrects else [])]
        yield from _indent(2, [f"{total} = 0.0" for total in totals])
        yield from _indent(2, ["for k in range(stop - start):"])
        yield from _indent(3, [*self._load(), *self._features("h", "g", "s")])
        yield from _indent(3, self._correct() if corrects else self._predict())
        yield from _indent(3, [*self._features("h", "g", "t"), *self._cross(["t", "r"] if corrects else ["t"])])
        yield from _indent(3, self._count(corrects))
        yield from _indent(2, ["for k in range(stop - start):", "    if crossed[k]:"])
        yield from _indent(4, [*self._load(), *self._follow(corrects), *self._features("h", "g", "t"), "counts = 1.0"])
        yield from _indent(4, self._count(corrects))
        yield from _indent(2, [f"sums[task, {k}] = {total}" for k, total in enumerate(totals)])

    def _lengths(self) -> tuple[int, ...]:
        return self.n, self.r, self.r + 1, self.r + 1

    def _task(self, pulls: str, corrects: bool) -> Iterator[str]:
        """Find the neurons of a task, and the factors of its run."""
        yield "run, part = task // parts, task % parts"
        yield "copy, chunk = part // chunks, part % chunks"
        yield f"start = chunk * {CHUNK}"
        yield f"stop = min(start + {CHUNK}, m)"
        yield "sign, begin, end = 1.0 - 2.0 * copy, copy * m + start, copy * m + stop"
        yield "which, row, now = draw[run], place[run], slot[run]"
        for q in range(self.r):
            yield f"O{q}, D{q} = w_drawn[which, {q}, start:stop], dw[now, row, {q}, begin:end]"
            if corrects:
                yield f"E{q} = dw[1 - now, row, {q}, begin:end]"
        yield "O, D = a_drawn[which, start:stop], da[now, row, begin:end]"
        if corrects:
            yield "E = da[1 - now, row, begin:end]"
            yield "whole_w, whole_a = uw[run] + vw[run], ua[run] + va[run]"
        for v in pulls:
            for i in range(self.n):
                yield f"{v}w{i}, {v}a{i} = {v}w[run, {i}], {v}a[run, {i}]"

    def _load(self) -> Iterator[str]:
        for q in range(self.r):
            yield f"o{q}, d{q} = O{q}[k], D{q}[k]"
            yield f"w{q} = o{q} + d{q}"
        yield "o, d = sign * O[k], D[k]"
        yield "a = o + d"

    def _features(self, h: str, g: str, seen: str) -> Iterator[str]:
        for i in range(self.n):
            yield "zi = " + " + ".join(f"x{i}_{q} * w{q}" for q in range(self.r))
            yield f"{seen}{i} = zi > 0.0"
            yield f"{h}{i} = zi if {seen}{i} else {f'{self.leak} * zi' if self.leak else '0.0'}"
            yield f"{g}{i} = a if {seen}{i} else {f'{self.leak} * a' if self.leak else '0.0'}"

    def _pull_w(self, v: str, g: str, q: int) -> str:
        return " + ".join(f"{v}w{i} * {g}{i} * x{i}_{q}" for i in range(self.n))

    def _pull_a(self, v: str, h: str) -> str:
        return " + ".join(f"{v}a{i} * {h}{i}" for i in range(self.n))

    def _predict(self) -> Iterator[str]:
        for q in range(self.r):
            yield f"w{q} -= {self._pull_w('p', 'g', q)}"
        yield f"a -= {self._pull_a('p', 'h')}"

    def _correct(self) -> Iterator[str]:
        for q in range(self.r):
            yield f"p{q} = d{q} - ({self._pull_w('p', 'g', q)})"
            yield f"w{q} = o{q} + p{q}"
        yield f"p = d - ({self._pull_a('p', 'h')})"
        yield "a = o + p"
        yield from self._features("y", "b", "r")
        for q in range(self.r):
            yield f"d{q} -= {self._pull_w('u', 'g', q)} + {self._pull_w('v', 'b', q)}"
        yield f"d -= {self._pull_a('u', 'h')} + {self._pull_a('v', 'y')}"
        yield from self._arrive()

    def _arrive(self) -> Iterator[str]:
        for at, q in self._coordinates():
            yield f"{at} = o{q} + d{q}"

    def _coordinates(self) -> Iterator[tuple[str, str]]:
        """Return the variables of the weights of a neuron, and the ends of those of its displacement."""
        yield from ((f"w{q}", str(q)) for q in range(self.r))
        yield "a", ""

    def _cross(self, others: Sequence[str]) -> Iterator[str]:
        """Mark neurons that see other points elsewhere than here; they do not count yet."""
        yield "cross = " + " | ".join(f"(s{i} != {other}{i})" for other in others for i in range(self.n))
        yield "crossed[k] = cross"
        yield "counts = 0.0 if cross else 1.0"

    def _follow(self, corrects: bool) -> Iterator[str]:
        """Follow a neuron through its kinks: to theta_p, and from the start to theta1 too if the kernel corrects."""
        yield from (f"there[{q}] = w{q}" for q in range(self.r))
        yield "follow(inputs, there, a, pw[run], pa[run], z, velocity, moved)"
        if not corrects:
            yield from (f"{at} += moved[{k}]" for k, (at, _) in enumerate(self._coordinates()))
            return
        yield from (f"p{q} = d{q} + moved[{k}]" for k, (_, q) in enumerate(self._coordinates()))
        yield "follow(inputs, there, a, whole_w, whole_a, z, velocity, moved)"
        yield from (f"d{q} += moved[{k}]" for k, (_, q) in enumerate(self._coordinates()))
        yield from self._arrive()

    def _count(self, corrects: bool) -> Iterator[str]:
        """Add a neuron to the sums, and store its displacement if the kernel corrects."""
        if corrects:
            for at, q in self._coordinates():
                block = at[0]
                yield f"E{q}[k] = d{q}"
                yield f"p{q} -= d{q}"
                yield f"miss_{block} += counts * p{q} * p{q}"
                yield f"change_{block} += counts * d{q} * d{q}"
                yield f"size_{block} += counts * {at} * {at}"
        yield from (f"{feature}{i} *= counts" for feature in "hg" for i in range(self.n))
        yield from (f"f{i} += h{i} * a" for i in range(self.n))
        for i, j in self._pairs():
            yield f"hh{i}_{j} += h{i} * h{j}"
            yield f"gg{i}_{j} += g{i} * g{j}"

    @staticmethod
    def _gauge() -> list[str]:
        return [f"{length}_{block}" for length in ("miss", "change", "size") for block in "wa"]

    def _pairs(self) -> Iterator[tuple[int, int]]:
        return ((i, j) for i in range(self.n) for j in range(i + 1))

    def _sums(self) -> list[str]:
        products = [f"{product}{i}_{j}" for product in ("hh", "gg") for i, j in self._pairs()]
        return [*(f"f{i}" for i in range(self.n)), *products]


def _indent(depth: int, lines: Any) -> Iterator[str]:
    return (4 * depth * " " + line for line in lines)
