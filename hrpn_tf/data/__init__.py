"""Slides become a store of patches, and the store a stream of batches."""
