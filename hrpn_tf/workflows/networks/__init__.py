"""Networks that predict slides: the best network of a run, or one format of a bundle."""
