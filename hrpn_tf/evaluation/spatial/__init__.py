"""Spatial evaluation: predicted and measured target by vessel, distance, nucleus and sub-area."""
