"""Results of a fit of vessels: values, tables, pages and pictures."""
