"""TFLite files in float32, float16, dynamic-range and full int8."""

from hrpn_export.formats.tflite.exporter import export, section, to_tflite
from hrpn_export.formats.tflite.precision import to_dynamic, to_half, to_int8

__all__ = ["export", "section", "to_dynamic", "to_half", "to_int8", "to_tflite"]
