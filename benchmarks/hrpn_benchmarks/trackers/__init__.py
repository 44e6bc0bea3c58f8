"""Context managers that measure while a scenario runs: time, memory, energy, operations."""
