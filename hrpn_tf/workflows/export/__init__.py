"""Export of a run's network to a bundle, with its certificate."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.workflows.export.export import export_run
    from hrpn_tf.workflows.export.options import ExportOptions

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "export": ["export_run"],
        "options": ["ExportOptions"],
    },
)
