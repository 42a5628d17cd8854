"""How a sweep stands, told by its files: the state of every job, in words, as a table, as JSON."""
