"""Simulated slides with known ground truth, from a model of vessels, transport and optics."""
