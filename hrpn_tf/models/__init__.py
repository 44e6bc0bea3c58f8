"""Keras functional networks and their presets."""
