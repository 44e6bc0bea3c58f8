"""The folder of one training, read once and passed on."""
