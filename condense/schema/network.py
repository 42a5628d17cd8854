"""What is trained on what: `network` and `data`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from condense import registry
from condense.schema.checks import between, known, refuse

__all__ = ["Data", "Network"]

WHOLE = ("parabola", "two_ramps")
"""Data sets of so many points and no others."""


@dataclass
class Network:
    """A network by its name, or a user's class by `_target_`, with the arguments `kwargs`.

    Activation, bias and keep, the probability that dropout keeps a hidden neuron, are of the two-layer network alone.
    """

    name: str = "two_layer"
    activation: str = "relu"
    bias: bool = True
    keep: float = 1.0
    _target_: str | None = None
    kwargs: Any = None

    def __post_init__(self) -> None:
        if self._target_ is not None:
            registry.check("network", self._target_, "network._target_")
        known("network", self.name, "; a network of your own comes by network._target_=mymodule.Net")
        registry.check("activation", self.activation, "network.activation")
        if self.kwargs is not None and not isinstance(self.kwargs, dict):
            refuse("network.kwargs", self.kwargs, "arguments by name, such as 'network.kwargs={hidden: 3}'")
        if self.name != "two_layer" and self.activation != "relu":
            allowed = f"relu, to no effect, with network={self.name}; its layers have network.kwargs.activations"
            refuse("network.activation", self.activation, allowed)
        between("network.keep", self.keep, 0, 1)
        if self.keep < 1 and self.target is not None:
            refuse("network.keep", self.keep, f"1 with network {self.target}; only network=two_layer has dropout")

    @property
    def target(self) -> str | None:
        """The name or the dotted path of a class given by `init` and `forward`, or None for two layers."""
        return self._target_ or (None if self.name == "two_layer" else self.name)


@dataclass
class Data:
    """A data set by its name, or a user's file by its path (docs/data.md); samples and seed draw the points."""

    name: str = "parabola"
    path: str | None = None
    samples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        known("data", self.name, "; data of your own comes by data.path=my.npz")
        if self.seed < 0:
            refuse("data.seed", self.seed, "an integer, 0 or above")
        sampled = self.path is None and self.name not in WHOLE
        if self.samples is not None and not sampled:
            refuse("data.samples", self.samples, "null, since all of this data is used; sines_5d or mnist are drawn")
