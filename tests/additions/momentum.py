"""A flow, its options: gradient descent with momentum. In the tree they stand in condense/schema/flow.py."""

from dataclasses import dataclass
from typing import ClassVar

from condense.schema.checks import positive, refuse
from condense.schema.flow import FLOWS, Flow


@dataclass
class Momentum(Flow):
    """flow=momentum: v <- momentum v + rate grad L, theta <- theta - v, with L = (1/2n) sum e^2."""

    implementation: ClassVar = "momentum_flow.MomentumFlow"
    memory: ClassVar = 7.0

    name: str = "momentum"
    rate: float = 0.1
    momentum: float = 0.9
    max_steps: int = 100_000

    def __post_init__(self):
        super().__post_init__()
        positive("flow.rate", self.rate)
        if not 0 <= self.momentum < 1:
            refuse("flow.momentum", self.momentum, "a number from 0 to below 1")

    def expected_steps(self, fused):
        return 200.0


FLOWS["momentum"] = Momentum
