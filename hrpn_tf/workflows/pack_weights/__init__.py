"""Make weights that are known by a name from a run or a bundle.

>>> from hrpn_tf.workflows.pack_weights import Packing, pack_weights, register, write_archive
"""

from hrpn_tf.workflows.pack_weights.pack import Packing, pack_weights
from hrpn_tf.workflows.pack_weights.publish import register, write_archive

__all__ = ["Packing", "pack_weights", "register", "write_archive"]
