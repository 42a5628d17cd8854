"""From the command line of a sweep to its jobs, and what is refused before the first one starts."""
