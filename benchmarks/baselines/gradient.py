"""The residual of a case and its velocity under gradient flow, in plain NumPy."""

from __future__ import annotations

import numpy as np

from benchmarks.baselines.case import Array, Case

__all__ = ["Gradient"]


class Gradient:
    """e = f - y and -F e of one network, in arrays that are used again from call to call.

    With z = w . x, h = max(z, 0) and g = a 1(z > 0), in the clock of `condense.networks.base`,

        f = kappa sum_k a_k h_k,    dw/dt = -(kappa'/n) (g o e) X,    da/dt = -h e / (n kappa').

    Parameters are one array of shape (r + 1, neurons), the rows of w and then a.
    """

    def __init__(self, case: Case) -> None:
        self._inputs, self._targets, self._scales = case.inputs, case.targets, case.scales
        shape = len(case.inputs), case.start.shape[1]
        self._positive, self._slopes, self._features = np.empty(shape, bool), np.empty(shape), np.empty(shape)
        self.evaluations = 0

    def residual(self, theta: Array) -> Array:
        """Return e, shape (n,), and keep the features for `velocity`."""
        self.evaluations += 1
        np.matmul(self._inputs, theta[:-1], out=self._features)
        # comparing, converting and multiplying takes half as long as np.maximum and a comparison
        np.greater(self._features, 0.0, out=self._positive)
        np.copyto(self._slopes, self._positive)
        np.multiply(self._features, self._slopes, out=self._features)
        return np.asarray(self._scales.kappa * (self._features @ theta[-1]) - self._targets)

    def velocity(self, theta: Array, residual: Array, out: Array) -> Array:
        """Write -F e at the parameters that `residual` was last called with."""
        n, rate = len(residual), self._scales.kappa_prime
        np.matmul(self._inputs.T * (residual * (-rate / n)), self._slopes, out=out[:-1])
        np.multiply(out[:-1], theta[-1], out=out[:-1])
        np.matmul(residual * (-1 / (n * rate)), self._features, out=out[-1])
        return out

    def fastest(self, theta: Array) -> float:
        """Return the largest eigenvalue of K = (kappa/n) [h h^T / kappa' + kappa' (X X^T) o (g g^T)]."""
        self.residual(theta)
        n, scales = len(self._inputs), self._scales
        g = self._slopes * theta[-1]
        kernel = self._features @ self._features.T / scales.kappa_prime
        kernel += scales.kappa_prime * (self._inputs @ self._inputs.T) * (g @ g.T)
        return float(scales.kappa / n * np.linalg.eigvalsh(kernel)[-1])
