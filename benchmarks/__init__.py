"""What it costs, against what."""
