"""A deep residual network of your choice of activations, by init and forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from condense.networks import activations

__all__ = ["Residual"]


@dataclass(frozen=True)
class Residual:
    """f = a . h_L,  h_1 = s_1(W_1 (x, 1)),  h_l = h_(l-1) + s_l(W_l (h_(l-1), 1)) for l = 2..L.

    The blocks are w1 of shape (m, inputs + 1), w2 to wL of shape (m, m + 1) and a of shape (m,): a neuron a row, its
    bias in the last column. All have one scale, beta_l = kappa^(1/2), so that on the command line

        init=spelled_out init.alpha=1 init.beta1=.01 init.beta2=.01

    draws every block with standard deviation .01. The default layers are those of Zhou et al., arXiv 2105.11686.

    Args:
        activations: s_1 to s_L, known names or dotted paths as in `condense.networks.activations.get`.
        inputs: the dimension of the data.

    Raises:
        ValueError: no activations, or an activation or a number of inputs that there is not.
    """

    activations: Sequence[str] = ("x2_tanh", "x_tanh", "sigmoid", "tanh", "softplus")
    inputs: int = 3

    def __post_init__(self) -> None:
        names = self.activations
        if isinstance(names, str) or not isinstance(names, Sequence) or not names:
            raise ValueError(
                f"network.kwargs.activations = {names!r} is not allowed: a list of one activation a layer, "
                "such as [x_tanh,tanh]"
            )
        object.__setattr__(self, "activations", tuple(names))
        for name in names:
            activations.get(name, "network.kwargs.activations")
        if isinstance(self.inputs, bool) or not isinstance(self.inputs, int) or self.inputs < 1:
            raise ValueError(
                f"network.kwargs.inputs = {self.inputs!r} is not allowed: the dimension of the data, 1 or above"
            )

    @property
    def scales(self) -> Mapping[str, tuple[float, float]]:
        """The powers of kappa and kappa' in the scale of every block."""
        layers = [f"w{layer + 1}" for layer in range(len(self.activations))]
        return dict.fromkeys([*layers, "a"], (0.5, 0.0))

    def init(self, generator: torch.Generator, m: int) -> dict[str, Tensor]:
        """Return standard normal draws of every block for width m."""
        *layers, last = self.scales
        shapes = dict.fromkeys(layers, (m, m + 1)) | {"w1": (m, self.inputs + 1), last: (m,)}
        return {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}

    def forward(self, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return the outputs, shape (n,), for inputs of shape (n, d) and raw parameters.

        Raises:
            ValueError: the data have another dimension than `inputs`.
        """
        if x.shape[1] != self.inputs:
            raise ValueError(
                f"network.kwargs.inputs = {self.inputs}, but the data have dimension {x.shape[1]}: "
                f"set network.kwargs.inputs={x.shape[1]}"
            )
        first, *others = self.activations
        h = _layer(first, params["w1"], x)
        for number, name in enumerate(others, start=2):
            h = h + _layer(name, params[f"w{number}"], h)
        return h @ params["a"]


def _layer(activation: str, weights: Tensor, x: Tensor) -> Tensor:
    """Return s(W (x, 1)), shape (n, m)."""
    z = x @ weights[:, :-1].T + weights[:, -1]
    return activations.get(activation, "network.kwargs.activations")(z)[0]
