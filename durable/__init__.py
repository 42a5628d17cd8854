"""Files on a disk that others use too, for packages that know nothing of each other."""
