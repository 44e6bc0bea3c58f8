"""What a model can be exported to: one table, one module for each format.

A new format is a module with a function ``export(source, precision, folder)``, one row here, and a
runtime (:mod:`hrpn_export.runtimes`) that opens what it wrote.
"""

from hrpn_export.formats.table import FORMATS, Exporter, Format, Source, find_format

__all__ = ["FORMATS", "Exporter", "Format", "Source", "find_format"]
