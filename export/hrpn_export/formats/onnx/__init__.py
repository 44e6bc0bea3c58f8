"""ONNX files in float32, float16 and int8."""

import importlib
from typing import TYPE_CHECKING

from hrpn_export.formats.onnx.exporter import OPSET, export, section, to_onnx

if TYPE_CHECKING:
    from hrpn_export.formats.onnx.fp16 import to_half
    from hrpn_export.formats.onnx.int8 import to_int8

__all__ = ["OPSET", "export", "section", "to_half", "to_int8", "to_onnx"]

_MODULES = {"to_half": "fp16", "to_int8": "int8"}  # they import onnx, which takes a while


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    return found
