"""Predict, pixel by pixel, where injected nanoprobes go in a tumour section.

The package is grouped by concern; nothing is imported here, so that a command which does not need
TensorFlow does not load it. See ``docs/`` for the guides.
"""

import logging

from hrpn_tf._version import __version__

__all__ = ["__version__"]

# Without a handler of the application, nothing is shown.
logging.getLogger(__name__).addHandler(logging.NullHandler())
