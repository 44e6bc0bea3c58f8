"""The HTML report of an evaluation: figures, tables, and a viewer for every slide."""
