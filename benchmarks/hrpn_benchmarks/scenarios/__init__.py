"""What can be measured: one scenario per question, and the registry that finds them."""
