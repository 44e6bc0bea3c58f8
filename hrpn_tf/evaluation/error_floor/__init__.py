"""How well anyone could predict the target of measured slides from their inputs."""
