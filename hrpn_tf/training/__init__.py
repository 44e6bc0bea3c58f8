"""Losses, fit loop, callbacks and the run folder."""
