"""What was asked once and is asked again by hand: the level of RD, the wedge, the collapse."""
