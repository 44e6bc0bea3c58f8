"""Analysis of predicted slides without a measured target."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.workflows.analyse.analyse import Analysed, analyse_slides
    from hrpn_tf.workflows.analyse.options import AnalysisOptions

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "analyse": ["Analysed", "analyse_slides"],
        "options": ["AnalysisOptions"],
    },
)
