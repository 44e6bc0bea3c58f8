"""What the machine is and what its system reports: processor, limits, control groups, GPU."""
