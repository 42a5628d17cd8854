"""The configuration: a dataclass behind every group of conf/, checked as it is made. No torch here.

Every error names the key, the value and what is allowed.
"""

from condense.schema.config import Config
from condense.schema.flow import FLOWS, OPTIMISERS, Adam, Descent, Exponential, Flow, Torch
from condense.schema.init import (
    INITS,
    PLACE,
    Named,
    NamedThreeLayer,
    OnPlane,
    Plane,
    SpelledOut,
    SpelledOutLayers,
    ThreeLayer,
)
from condense.schema.measure import Measure
from condense.schema.network import Data, Module, Network
from condense.schema.snapshots import Snapshots
from condense.schema.virtual import Virtual

__all__ = ["FLOWS", "INITS", "OPTIMISERS", "PLACE", "Adam", "Config", "Data", "Descent", "Exponential", "Flow"]
__all__ += ["Measure", "Module", "Named", "NamedThreeLayer", "Network", "OnPlane", "Plane", "Snapshots", "SpelledOut"]
__all__ += ["SpelledOutLayers", "ThreeLayer", "Torch", "Virtual"]
