"""Scales as powers of the width. No torch here."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["PowerLaw"]

_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?"
_POWER_LAW = re.compile(
    rf"\s*(?:(?P<factor>{_NUMBER})\s*\*?\s*)?(?P<m>m(?:\s*(?:\^|\*\*)\s*(?P<power>[+-]?{_NUMBER}))?)?\s*"
)


@dataclass(frozen=True)
class PowerLaw:
    """A scale that depends on the width as factor * m^power."""

    factor: float
    power: float

    @classmethod
    def parse(cls, text: str) -> PowerLaw:
        """Read "3", "m", "m**-0.5" or "2*m**-0.5"; ^ and a space do as well, though not on Hydra's command line.

        >>> PowerLaw.parse("2*m**-0.5")
        PowerLaw(factor=2.0, power=-0.5)

        Raises:
            ValueError: the text is no such product or its factor is not positive.
        """
        match = _POWER_LAW.fullmatch(text)
        if match is None or not text.strip() or (factor := float(match["factor"] or 1.0)) <= 0:
            raise ValueError(f"{text!r} is not a positive number times a power of m, such as '3' or '2*m**-0.5'")
        power = float(match["power"] or 1.0) if match["m"] else 0.0
        return cls(factor, power)

    def __call__(self, width: float) -> float:
        """Return factor * width^power."""
        return float(self.factor * width**self.power)
