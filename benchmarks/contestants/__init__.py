"""One file per library that takes part in the benchmarks, each calling it as its own documentation does best."""
