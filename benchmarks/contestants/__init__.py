"""One file per library that takes part in `benchmarks/libraries.py`, each calling it as its own documentation does best."""
