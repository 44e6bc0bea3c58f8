"""The runtimes of exported models: one table, and one module per runtime.

A new runtime is a row of :mod:`hrpn_export.runtimes.table` and a module with a class (or function)
``(path, contract, device, threads)`` that gives a :class:`~hrpn_export.session.Session`.
"""

from hrpn_export.runtimes.table import RUNTIMES, Runtime, find_runtime

__all__ = ["RUNTIMES", "Runtime", "find_runtime"]
