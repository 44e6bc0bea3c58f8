"""Keras functional networks and their presets.

Importing this package does not import Keras; its modules do where they build or read models.
"""
