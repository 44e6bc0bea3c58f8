"""The report of a run: its page and the viewer of every slide."""
