"""Comparison of several runs on the same held-out slides."""
