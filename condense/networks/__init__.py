"""Networks: stacks of R networks of equal width that a flow knows by outputs, pullback and kernel."""

from condense.networks.base import Network, Stage, Theta
from condense.networks.functional import Functional, UserNetwork
from condense.networks.residual import Residual
from condense.networks.two_layer import TwoLayer

__all__ = ["Functional", "Network", "Residual", "Stage", "Theta", "TwoLayer", "UserNetwork"]
