"""Calibration of prediction intervals on slides that the training did not see."""
