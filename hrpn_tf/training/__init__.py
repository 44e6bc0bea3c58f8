"""From a store of patches to a run folder: losses, the training loop, checkpoints."""
