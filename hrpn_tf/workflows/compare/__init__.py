"""Comparison of several runs on the same held-out slides."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.workflows.compare.compare import Compared, compare_runs
    from hrpn_tf.workflows.compare.options import ComparisonOptions

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "compare": ["Compared", "compare_runs"],
        "options": ["ComparisonOptions"],
    },
)
