"""One Keras image-to-image model in; one bundle of many formats, and sessions, out.

This library imports nothing of ``hrpn_tf``: it works for any Keras image-to-image model with a
:class:`~hrpn_export.contract.Contract`.
"""

from hrpn_export.bundle import Bundle, open_bundle, open_session
from hrpn_export.certificate import Certificate
from hrpn_export.contract import Contract
from hrpn_export.errors import BundleError, ContractError
from hrpn_export.evidence import ArraySlide, Evidence
from hrpn_export.session import Session

__all__ = [
    "ArraySlide",
    "Bundle",
    "BundleError",
    "Certificate",
    "Contract",
    "ContractError",
    "Evidence",
    "Session",
    "open_bundle",
    "open_session",
]
