"""Export a Keras image-to-image model to a bundle of many formats, and run these formats.

The library works for any Keras image-to-image model with a
:class:`~hrpn_export.contract.Contract`; it imports nothing of ``hrpn_tf``.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hrpn_export.about import About, Person
    from hrpn_export.archive import write_zip
    from hrpn_export.bundle import Bundle, open_bundle, open_session
    from hrpn_export.certificate import Certificate
    from hrpn_export.contract import Contract
    from hrpn_export.errors import BundleError, ContractError
    from hrpn_export.evidence import ArraySlide, Evidence
    from hrpn_export.export import Exported, export_bundle
    from hrpn_export.onnx_file import open_onnx
    from hrpn_export.session import Session

__all__ = [
    "About",
    "ArraySlide",
    "Bundle",
    "BundleError",
    "Certificate",
    "Contract",
    "ContractError",
    "Evidence",
    "Exported",
    "Person",
    "Session",
    "export_bundle",
    "open_bundle",
    "open_onnx",
    "open_session",
    "write_zip",
]

# Each module is imported when one of its names is first used: a command that needs the errors only
# does not wait for NumPy and pydantic.
_MODULES = {
    "about": ("About", "Person"),
    "archive": ("write_zip",),
    "bundle": ("Bundle", "open_bundle", "open_session"),
    "certificate": ("Certificate",),
    "contract": ("Contract",),
    "errors": ("BundleError", "ContractError"),
    "evidence": ("ArraySlide", "Evidence"),
    "export": ("Exported", "export_bundle"),
    "onnx_file": ("open_onnx",),
    "session": ("Session",),
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            found: object = getattr(importlib.import_module(f"hrpn_export.{module}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
