"""What is trained on what: `network` and `data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from condense import registry
from condense.schema.checks import between, known, refuse
from condense.schema.idle import Idle, refuse_idle
from condense.schema.plain import settle

__all__ = ["NETWORKS", "Data", "Module", "Network"]

LAYERS = {"two_layer": 2, "three_layer": 3}
"""The networks in closed form, with their layers."""

MOST = 10**6
"""Data points whose pairs could be held in any memory."""


@dataclass
class Network:
    """A network by its name, or a user's class by `_target_`, with the arguments `kwargs`.

    Activation and bias are of two_layer and three_layer alone, and keep, the probability that dropout keeps a hidden
    neuron, of two_layer.
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
            ("keep",),
            lambda own: own.layers == 3,
            "with network=three_layer, being of network=two_layer alone",
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
        """The name or the dotted path of a class given by `init` and `forward`, or None for layers in closed form."""
        return self._target_ or (None if self.name in LAYERS else self.name)

    @property
    def layers(self) -> int:
        """The layers whose scales init gives: those of a network in closed form; others take the scales of two."""
        return LAYERS[self.name] if self.target is None else 2


@dataclass
class Module:
    """network=module: the modules that `build(m, **kwargs)` returns, their scales by pattern of parameters' names.

    See condense.networks.modules.
    """

    name: str = "module"
    build: str | None = None
    kwargs: Any = None
    scales: Any = None

    activation: ClassVar[str] = ""
    bias: ClassVar[bool] = False
    keep: ClassVar[float] = 1.0
    target: ClassVar[None] = None

    def __post_init__(self) -> None:
        settle(self, "network.")
        if self.name != "module":
            refuse("network.name", self.name, f"'module' with these keys; another is chosen by network={self.name}")
        if self.build is not None:
            registry.check("build", self.build, "network.build")
        for key, example in (("kwargs", "{hidden: 3}"), ("scales", "{'*.weight': fan_in**-gamma, '*.bias': 0}")):
            if (value := getattr(self, key)) is not None and not isinstance(value, dict):
                refuse(f"network.{key}", value, f"a mapping, such as {example}")


NETWORKS: Mapping[str, type] = {"network": Network, "module": Module}
"""The config classes of networks: those by name or path, and modules of torch."""


@dataclass
class Data:
    """A data set by its name, or a user's file by its path (docs/data.md); samples and seed draw the points.

    `test` is a file with a test set, or the share of the data that is one, drawn by seed.
    """

    name: str = "parabola"
    path: str | None = None
    samples: int | None = None
    seed: int = 0
    test: Any = None

    idle: ClassVar = (
        Idle(
            ("name", "samples"),
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
            lambda own: own.path is None and not own.draws_test and "seed" not in registry.DATA[own.name],
            "with data.name = {0.name!r}, whose points are not drawn",
        ),
        Idle(
            ("seed",),
            lambda own: own.path is not None and not own.draws_test,
            "beside data.path = {0.path!r}, which goes with data=parabola, the default",
        ),
    )

    def __post_init__(self) -> None:
        settle(self, "data.")
        known("data", self.name, "; data of your own comes by data.path=my.npz")
        if self.samples is not None and not 1 <= self.samples <= MOST:
            refuse("data.samples", self.samples, f"an integer from 1 to {MOST}: the flow looks at all pairs of them")
        if self.seed < 0:
            refuse("data.seed", self.seed, "an integer, 0 or above")
        share = isinstance(self.test, int | float) and not isinstance(self.test, bool) and 0 < self.test < 1
        if not (share or self.test is None or isinstance(self.test, str)):
            refuse("data.test", self.test, "a share between 0 and 1, 0.2 say, the path of a file, or null")
        refuse_idle("data.", self, self.idle)

    @property
    def draws_test(self) -> bool:
        """Whether the test set is a share of the data."""
        return self.test is not None and not isinstance(self.test, str)
