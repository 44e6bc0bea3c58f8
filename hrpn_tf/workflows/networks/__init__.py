"""Networks that can predict a slide: the best one of a run, or a session of a bundle."""
