"""Patch datasets: slides are cut into a store of patches, which feeds batches to a training."""
