"""The benchmark report: rows, columns, Markdown, the page, and the comparison of two reports."""
