"""Experiments behind the numbers in the documentation; benchmarks/README.md lists them."""
