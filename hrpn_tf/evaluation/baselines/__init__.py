"""Predictors without a network: the mean, the distance to the nearest vessel, boosted trees."""
