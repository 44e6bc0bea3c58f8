"""What runs an exported model: one table, one module for each runtime.

A runtime is a class ``(path, contract, device, threads)`` that is a
:class:`~hrpn_export.session.Session`.
"""

from hrpn_export.runtimes.table import RUNTIMES, Runtime, find_runtime

__all__ = ["RUNTIMES", "Runtime", "find_runtime"]
