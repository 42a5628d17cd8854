"""What is measured of runs: observables, clusters and how they are counted, snapshots on the way."""
