"""One Keras image-to-image model in; sessions (and, later, one bundle of many formats) out.

This library imports nothing of ``hrpn_tf``: it works for any Keras image-to-image model with a
:class:`~hrpn_export.contract.Contract`.
"""

from hrpn_export.contract import Contract
from hrpn_export.errors import BundleError, ContractError
from hrpn_export.session import Session

__all__ = ["BundleError", "Contract", "ContractError", "Session"]
