"""What is trained on what: `network` and `data`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from condense import registry
from condense.schema.checks import between, known, refuse
from condense.schema.idle import Idle, refuse_idle
from condense.schema.plain import settle

__all__ = ["Data", "Network"]

MOST = 10**6
"""Data points whose pairs could be held in any memory."""


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

    idle: ClassVar = (
        Idle(("name",), lambda own: own._target_ is not None, "with network._target_ = {0._target_!r}"),
        Idle(
            ("activation",),
            lambda own: own.target == "residual",
            "with network = residual, whose layers have network.kwargs.activations",
        ),
        Idle(
            ("activation", "bias", "keep"),
            lambda own: own.target is not None,
            "with network {0.target}, being of network=two_layer alone",
        ),
        Idle(
            ("kwargs",),
            lambda own: own.target is None,
            "with network.name = {0.name!r}, being the arguments of a network of your own, network._target_",
        ),
    )

    def __post_init__(self) -> None:
        settle(self, "network.")
        if self._target_ is not None:
            registry.check("network", self._target_, "network._target_")
        known("network", self.name, "; a network of your own comes by network._target_=mymodule.Net")
        registry.check("activation", self.activation, "network.activation")
        if self.kwargs is not None and not isinstance(self.kwargs, dict):
            refuse("network.kwargs", self.kwargs, "arguments by name, such as 'network.kwargs={hidden: 3}'")
        between("network.keep", self.keep, 0, 1)
        refuse_idle("network.", self, self.idle)

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

    idle: ClassVar = (
        Idle(
            ("name", "samples", "seed"),
            lambda own: own.path is not None,
            "beside data.path = {0.path!r}, which goes with data=parabola, the default",
        ),
        Idle(
            ("samples",),
            lambda own: "samples" not in registry.DATA[own.name],
            "with data.name = {0.name!r}, all of whose points are used",
        ),
        Idle(
            ("seed",),
            lambda own: "seed" not in registry.DATA[own.name],
            "with data.name = {0.name!r}, whose points are not drawn",
        ),
    )

    def __post_init__(self) -> None:
        settle(self, "data.")
        known("data", self.name, "; data of your own comes by data.path=my.npz")
        if self.samples is not None and not 1 <= self.samples <= MOST:
            refuse("data.samples", self.samples, f"an integer from 1 to {MOST}: the flow looks at all pairs of them")
        if self.seed < 0:
            refuse("data.seed", self.seed, "an integer, 0 or above")
        refuse_idle("data.", self, self.idle)
