"""Whole-slide inference: tile geometry and the loop over tiles."""
