"""Physics phantoms: slides whose truth is known."""
