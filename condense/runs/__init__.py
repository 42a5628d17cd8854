"""From a checked config to records: runs, their keys, batches, training, what is written when."""
