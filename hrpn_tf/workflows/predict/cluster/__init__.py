"""Prediction of many slides on a Dask cluster."""
