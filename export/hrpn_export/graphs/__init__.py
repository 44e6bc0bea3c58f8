"""Rewriting of graphs: the same result with fewer and more widely supported operations."""

import importlib
from typing import TYPE_CHECKING

from hrpn_export.graphs.parts import CONVOLUTIONS, Operation, Parts, parts_of
from hrpn_export.graphs.resize import readable, with_resize

if TYPE_CHECKING:
    from hrpn_export.graphs.rewrite import parts_of_graph, scale_and_shift, simplify
    from hrpn_export.graphs.scalars import widen_scalars

__all__ = [
    "CONVOLUTIONS",
    "Operation",
    "Parts",
    "parts_of",
    "parts_of_graph",
    "readable",
    "scale_and_shift",
    "simplify",
    "widen_scalars",
    "with_resize",
]

# modules that import onnx, which takes a while
_MODULES = {
    "rewrite": ("parts_of_graph", "scale_and_shift", "simplify"),
    "scalars": ("widen_scalars",),
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            found: object = getattr(importlib.import_module(f"{__name__}.{module}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
