"""Checks that an untrusted model file holds arithmetic and nothing else: one check per format.

The checks read the file without executing anything in it, and refuse what they do not know: they
list what a network needs, not what could do harm. TensorRT engines are machine code and cannot be
checked, so load them only if you trust their maker.

What no check can bound is how long a network computes and how much memory it takes for an image.
"""

from hrpn_export.safety.engine import check_engine
from hrpn_export.safety.keras_file import check_keras, keras_objects
from hrpn_export.safety.onnx_file import check_onnx
from hrpn_export.safety.saved_model import check_saved_model
from hrpn_export.safety.tflite_file import check_tflite

__all__ = [
    "check_engine",
    "check_keras",
    "check_onnx",
    "check_saved_model",
    "check_tflite",
    "keras_objects",
]
