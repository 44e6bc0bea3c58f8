"""Prediction of one slide or many, here or on a cluster."""
