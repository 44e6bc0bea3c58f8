"""Training: from a patch dataset to a run folder, by losses, a training loop and checkpoints."""
