"""One file per library of `benchmarks/libraries.py`, each calling it as its own documentation does best."""
