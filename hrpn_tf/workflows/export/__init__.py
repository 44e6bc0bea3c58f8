"""Export of a run's network to a bundle, with its certificate."""
