"""Benchmarks: our cost as a multiple of our peers', taken in one run. See `__main__`."""
