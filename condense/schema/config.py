"""The configuration of a job, all groups together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from condense.schema import plain
from condense.schema.checks import refuse, whole
from condense.schema.flow import FLOWS, Descent, Exponential
from condense.schema.init import INITS, Named, NamedThreeLayer, OnPlane, Plane
from condense.schema.measure import Measure
from condense.schema.network import NETWORKS, Data, Module, Network
from condense.schema.snapshots import Snapshots
from condense.schema.virtual import Virtual

__all__ = ["Config"]

MOST = 10**12
"""Neurons that could be held in any memory."""

KINDS: Mapping[str, Mapping[str, type]] = {
    "init": INITS,
    "network": NETWORKS,
    "data": {"data": Data},
    "flow": FLOWS,
    "measure": {"measure": Measure},
    "snapshots": {"snapshots": Snapshots},
    "virtual": {"virtual": Virtual},
}
"""The dataclasses behind every group, by their names below schema/."""


@dataclass
class Config:
    """One job: one place on the plane, all its widths and seeds."""

    init: Any = field(default_factory=Plane)
    network: Network | Module = field(default_factory=Network)
    data: Data = field(default_factory=Data)
    flow: Any = field(default_factory=Exponential)
    measure: Measure = field(default_factory=Measure)
    snapshots: Snapshots = field(default_factory=Snapshots)
    virtual: Virtual = field(default_factory=Virtual)
    widths: list[int] = field(default_factory=lambda: [500, 1000, 2000, 4000])
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    device: str = "cpu"
    dtype: str = "float64"
    compiled: bool = True
    objective: str | None = None
    accept_code: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for key, kinds in KINDS.items():
            if not isinstance(getattr(self, key), tuple(kinds.values())):
                names = " or ".join(kind.__name__ for kind in kinds.values())
                refuse(key, getattr(self, key), f"a condense.schema.{names}")
        plain.settle(self)
        if type(self.init) is Named and isinstance(self.network, Network) and self.network.layers == 3:
            self.init = NamedThreeLayer(**asdict(self.init))
        if self.init.antisymmetric is None:
            self.init = replace(self.init, antisymmetric=not isinstance(self.network, Module))
        for key in ("widths", "seeds"):
            setattr(self, key, [whole(key, value) for value in getattr(self, key)])
        if not (self.widths or self.virtual) or any(width < 1 for width in self.widths):
            allowed = "a list of at least one integer, 1 or above, such as [1000,4000], or [] beside virtual.widths"
            refuse("widths", list(self.widths), allowed)
        for key, counts in (("widths", self.widths), ("virtual.neurons", self.virtual.neurons)):
            if max(counts, default=0) > MOST:
                refuse(key, counts, f"at most {MOST:.0e} neurons, wider ones as virtual.widths")
        if not self.seeds or not all(0 <= seed < 2**63 for seed in self.seeds):
            refuse("seeds", list(self.seeds), "a list of at least one integer, 0 or above, such as [0,1,2]")
        for key in ("widths", "seeds"):
            if len(set(getattr(self, key))) < len(getattr(self, key)):
                refuse(key, list(getattr(self, key)), "each value once")
        for key, known in (("widths", [*self.widths, *self.virtual.widths]), ("seeds", self.seeds)):
            chosen = getattr(self.snapshots, key)
            if chosen is not None and not set(chosen) & set(known):
                refuse(f"snapshots.{key}", chosen, f"null, or some of {key} = {known}")
        _check_module(self.init, self.network, self.flow)
        if isinstance(self.network, Network):
            _check_layers(self.init, self.network, self.flow)
        if self.flow.modules and self.flow.tf32 and (self.device == "cpu" or self.dtype != "float32"):
            allowed = f"false with device={self.device} dtype={self.dtype}: it is for device=cuda dtype=float32"
            refuse("flow.tf32", self.flow.tf32, allowed)
        if self.virtual:
            _check_virtual(self.virtual, self.init.antisymmetric, self.network.keep, self.dtype)
        if not all(line.count("@") == 1 and all(line.partition("@")) for line in self.accept_code):
            refuse("accept_code", list(self.accept_code), "names with a hash each, such as [mynet.Net@3f2a9c0d1e4b]")
        if self.dtype not in ("float64", "float32"):
            refuse("dtype", self.dtype, "float64 or float32")
        if self.network.keep < 1:
            _check_dropout(self.network.keep, self.flow)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Config:
        """Return the config given as plain containers: mappings, lists, numbers and texts, interpolations resolved.

        Of init and flow, whose kinds have different keys, it is the kind that knows most of the keys given. What is
        left out has its default; an infinite number may be spelled as text.

        >>> Config.of({"init": {"name": "he"}, "flow": {"horizon": ".inf"}}).init
        Named(name='he', antisymmetric=True)

        Raises:
            ValueError: a key that is not known, or a value that is not allowed.
        """
        groups = {key: _group(key, values[key]) for key in KINDS if key in values}
        return plain.build(cls, {**values, **groups})


def _check_module(init: Any, network: Any, flow: Any) -> None:
    """Refuse modules under a flow that does not train them, or at a place of which their scales are no formulas."""
    module = isinstance(network, Module)
    if module and not flow.modules:
        kinds = ", ".join(name for name, kind in FLOWS.items() if kind.modules)
        refuse("flow.name", flow.name, f"{kinds} with network=module, add flow={kinds}")
    if flow.modules and not module:
        refuse("network.name", network.target or network.name, f"module with flow={flow.name}, add network=module")
    if module and not isinstance(init, OnPlane):
        refuse("init", init.name, "a point of a plane with network=module, init.gamma=0.5 say")


def _check_layers(init: Any, network: Network, flow: Any) -> None:
    """Refuse a place whose scales are those of other layers, and a flow that needs dense matrices."""
    name = network.target or network.name
    if init.plane.layers != network.layers:
        of_three = "three_layer, spelled_out_layers, ntk, lecun, he or xavier"
        fitting = of_three if network.layers == 3 else "a place of two layers, init=plane say,"
        refuse("init", init.name, f"{fitting} with network={name}")
    if network.layers == 3 and flow.name != "exponential":
        refuse("flow.name", flow.name, "exponential with network=three_layer; others train network=module, flow=torch")


def _check_virtual(virtual: Virtual, antisymmetric: bool, keep: float, dtype: str) -> None:
    """Refuse what depends on the number of neurons by more than a sampling error, or on numbers that vanish."""
    if not antisymmetric:
        allowed = "[] with init.antisymmetric=false, whose f(0) depends on the number of neurons"
        refuse("virtual.widths", virtual.widths, allowed)
    if keep < 1:
        refuse("virtual.widths", virtual.widths, "[] with dropout, whose noise depends on the number of neurons")
    if dtype != "float64":
        refuse("virtual.widths", virtual.widths, f"[] with dtype={dtype}, in which the squares of small changes vanish")


def _check_dropout(keep: float, flow: Any) -> None:
    """Refuse dropout under a flow that cannot do with a gradient that is noisy."""
    remedy = "with dropout take flow=adam, or flow=descent flow.rule=fixed flow.rate=0.1"
    if flow.exact_gradient:
        refuse("network.keep", keep, f"1 under flow={flow.name}, which needs the exact gradient; {remedy}")
    if isinstance(flow, Descent) and flow.rule == "halving":
        refuse("network.keep", keep, f"1 under flow.rule=halving, which judges a step by the loss; {remedy}")


def _group(key: str, values: Any) -> Any:
    if not isinstance(values, Mapping):
        refuse(key, values, "a group of keys")
    return plain.build(plain.nearest_kind([*KINDS[key].values()], values), values, f"{key}.")
