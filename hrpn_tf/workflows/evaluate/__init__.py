"""Evaluation of a run's predictions against the measured target."""
