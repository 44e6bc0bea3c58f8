"""Comparison of trained networks: bootstrap intervals, tables and plots."""
