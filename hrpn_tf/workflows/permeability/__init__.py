"""The strength of each vessel that explains a measured target by diffusion and uptake."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.workflows.permeability.options import PermeabilityOptions
    from hrpn_tf.workflows.permeability.permeability import Fitted, fit_permeability

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "options": ["PermeabilityOptions"],
        "permeability": ["Fitted", "fit_permeability"],
    },
)
