"""Three layers of small weights: how they align and blow up while the output is still small.

With s'(0) = 1, as tanh has, small weights W1, W2, a follow the gradient ascent of an energy. With z = (1/n) sum y_i x_i
(the bias among the inputs) and u = W1 z / |z|,

    E = a . W2 u,    du/dt = tau_1 |z| W2^T a,    dW2/dt = tau_2 |z| a u^T,    da/dt = tau_3 |z| W2 u,

and W1 moves along z alone; tau_1 tau_2 tau_3 = 1 in the clock of `condense.networks.base`. The flow conserves
u u^T / tau_1 - W2^T W2 / tau_2 and a a^T / tau_3 - W2 W2^T / tau_2, which hold all but one singular value of W2 back
while the top one diverges: W2 tends to rank one, and with it the rows of W1 to +-z. As

    dE/dt = |z| (tau_1 |W2^T a|^2 + tau_2 |a|^2 |u|^2 + tau_3 |W2 u|^2) >= 3 |z| E^(4/3),

E^(-1/3) falls at least at the rate |z| once E > 0, and ends exactly linear: E is infinite at a time that the draw
decides, at most E(0)^(-1/3) / |z| if E(0) > 0. In two layers E = a . u grows exponentially, without end. After arXiv
2402.15958 (and its authors' later text, which has E, the conserved matrices and the bound); no torch here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

__all__ = ["Effective", "State", "effective", "sufficient", "two_layers"]

Array = NDArray[np.float64]

RTOL = 1e-9
"""Of the Runge-Kutta steps (DOP853), and of the size of the draw."""

LONGEST = 100.0
"""Times 1 / |z|, by which any energy has blown up that is not below -1e-5 of what weights of size 1 have."""


@dataclass(frozen=True)
class State:
    """Weights at a moment: u (m,), W2 (m, m) and a (m,)."""

    u: Array
    w2: Array
    a: Array

    @property
    def energy(self) -> float:
        """E = a . W2 u."""
        return float(self.a @ self.w2 @ self.u)

    @property
    def signs(self) -> float:
        """The share of neurons with a_j (W2 u)_j > 0 and u_k (W2^T a)_k > 0: 1/2 by chance, 1 when aligned."""
        forward, backward = self.a * (self.w2 @ self.u), self.u * (self.w2.T @ self.a)
        return float(((forward > 0).mean() + (backward > 0).mean()) / 2)

    @property
    def top_share(self) -> float:
        """s_1^2 / |W2|^2: 1 when W2 has rank one."""
        return float(np.linalg.norm(self.w2, 2) ** 2 / np.square(self.w2).sum())


@dataclass(frozen=True)
class Effective:
    """A solution: times (T,) and the weights there, u (T, m), w2 (T, m, m) and a (T, m)."""

    time: Array
    u: Array
    w2: Array
    a: Array

    def __len__(self) -> int:
        """Return the number of moments."""
        return len(self.time)

    def __getitem__(self, moment: int) -> State:
        """Return the weights at a moment."""
        return State(self.u[moment], self.w2[moment], self.a[moment])

    @property
    def energy(self) -> Array:
        """E at all moments."""
        found: Array = np.einsum("ti,tij,tj->t", self.a, self.w2, self.u)
        return found

    def at_energy(self, energy: float) -> tuple[float, State]:
        """Return when E, which rises, is at a value, and the weights there, linear between moments in E^(-1/3).

        Raises:
            ValueError: the solution does not come to it.
        """
        energies = self.energy
        if not energies[0] <= energy <= energies[-1]:
            raise ValueError(f"energy = {energy:g}: the solution goes from {energies[0]:g} to {energies[-1]:g}")
        after = max(int(np.searchsorted(energies, energy)), 1)
        ends = np.cbrt(energies[[after - 1, after]])
        share = float((1 / ends[0] - 1 / np.cbrt(energy)) / (1 / ends[0] - 1 / ends[1])) if ends[0] > 0 else 1.0
        between = [(1 - share) * x[after - 1] + share * x[after] for x in (self.time, self.u, self.w2, self.a)]
        return float(between[0]), State(*between[1:])


def effective(
    start: State, length: float, until: float = 300.0, rates: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> Effective:
    """Return the effective dynamics from a start until |a| has grown by a factor.

    Args:
        start: the draw.
        length: |z|.
        until: the factor.
        rates: tau_1, tau_2 and tau_3.

    Raises:
        ValueError: it does not grow so far, as a start of E = 0 and zero gradient does not.
    """
    m = len(start.u)
    tau1, tau2, tau3 = rates

    def velocity(time: float, theta: Array) -> Array:
        u, w2, a = _parts(theta, m)
        return length * np.concatenate([tau1 * (w2.T @ a), tau2 * np.outer(a, u).ravel(), tau3 * (w2 @ u)])

    def grown(time: float, theta: Array) -> float:
        return float(np.linalg.norm(theta[-m:]) - until * np.linalg.norm(start.a))

    grown.terminal = True  # type: ignore[attr-defined]
    first = np.concatenate([start.u, start.w2.ravel(), start.a])
    atol = RTOL * float(np.sqrt(np.square(first).mean()))
    found = solve_ivp(velocity, (0, LONGEST / length), first, "DOP853", rtol=RTOL, atol=atol, events=grown)
    if not found.t_events[0].size:
        raise ValueError(f"a has not grown {until:g} times by t = {LONGEST:g} / |z|: it blows up from no such start")
    u, w2, a = _parts(found.y, m)
    return Effective(found.t, u.T, np.moveaxis(w2, -1, 0), a.T)


def _parts(theta: Array, m: int) -> tuple[Array, Array, Array]:
    return theta[:m], theta[m : m + m * m].reshape(m, m, *theta.shape[1:]), theta[m + m * m :]


def sufficient(state: State) -> float:
    """Return the share of pairs of rows with <a_i W2_i, a_j W2_j> > 0, and of columns with u.

    If all of them are, W2 is on its way to rank one (the condition for condensation of arXiv 2402.15958's authors).
    """
    rows, columns = state.a[:, None] * state.w2, state.w2 * state.u
    grams = rows @ rows.T, columns.T @ columns
    pairs = ~np.eye(len(rows), dtype=bool)
    return float(np.mean([(gram[pairs] > 0).mean() for gram in grams]))


def two_layers(u: Array, a: Array, length: float, time: Array) -> Array:
    """Return E = a . u at times of two layers from a draw u, a: du/dt = |z| a, da/dt = |z| u.

    >>> two_layers(np.array([1.0]), np.array([1.0]), 0.5, np.array([0.0, 1.0])).round(6)  # exp(2 |z| t)
    array([1.      , 2.718282])
    """
    cosh, sinh = np.cosh(length * time)[:, None], np.sinh(length * time)[:, None]
    found: Array = ((a * cosh + u * sinh) * (u * cosh + a * sinh)).sum(axis=1)
    return found
