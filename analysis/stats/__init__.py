"""From tables to exponents, intervals, the boundary, regimes and infinite width."""
