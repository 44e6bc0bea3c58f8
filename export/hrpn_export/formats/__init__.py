"""The formats that a model can be exported to: one table, and one module or package per format.

A new format is a row of :mod:`hrpn_export.formats.table` and a module with the functions
``export``, ``check`` and ``section``; a runtime (:mod:`hrpn_export.runtimes`) opens what it wrote.
"""

from hrpn_export.formats.table import FORMATS, Exporter, Format, Source, find_format

__all__ = ["FORMATS", "Exporter", "Format", "Source", "find_format"]
