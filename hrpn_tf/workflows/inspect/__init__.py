"""Inspection of one slide: channels, pixel size, tissue, thumbnail."""
