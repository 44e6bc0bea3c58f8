"""Benchmark scenarios that need this project: whole slides, training steps, Keras' predict."""
