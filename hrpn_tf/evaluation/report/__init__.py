"""An evaluation as pages: figures, tables, and a viewer of every slide."""
