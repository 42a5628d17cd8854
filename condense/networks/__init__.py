"""Networks: stacks of R networks of equal width that a flow knows by outputs, pullback and kernel."""

from condense.networks.base import Network, Run, Stage, Theta
from condense.networks.functional import Functional, UserNetwork
from condense.networks.two_layer import TwoLayer

__all__ = ["Functional", "Network", "Run", "Stage", "Theta", "TwoLayer", "UserNetwork"]
