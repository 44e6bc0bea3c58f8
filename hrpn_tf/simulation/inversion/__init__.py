"""The transport solver backwards: from an image of the tracer to the strength of each vessel."""
