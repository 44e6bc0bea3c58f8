"""Metrics, baselines and figures that compare a prediction with the measured target."""
