"""Columns of the vessel table from a fit of what vessels leak."""

import numpy as np

from hrpn_tf.config import Config
from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.spatial.components import Components
from hrpn_tf.workflows.analyse.opened import OpenedSlide
from hrpn_tf.workflows.analyse.sources import Source

COLUMNS = {"strength": "strength", "lower": "strength_lower", "upper": "strength_upper",
           "leaky": "leaky", "identifiable": "identifiable"}  # fmt: skip


def refuse_predicted(source: Source) -> None:
    """Refuse a fit of predictions.

    Raises:
        UsageError: a network cannot tell what it does not see; see the message.
    """
    if source.predictions is not None:
        raise UsageError(
            "--permeability: takes a measured target, and these are predictions: what a network "
            "says of a vessel is read off its looks; leave it out"
        )


def strength_columns(
    opened: OpenedSlide, vessels: Components, vessel_source: str, config: Config
) -> dict[str, np.ndarray]:
    """Strength of each vessel of a measured slide, with its interval, (vessels,) each.

    Raises:
        ConstantChannelError, NoTissueError, VesselsError: see ``fit_permeability``.
    """
    # the solver brings heavy libraries, which an analysis without this option does not need
    from hrpn_tf.workflows.permeability.options import PermeabilityOptions
    from hrpn_tf.workflows.permeability.permeability import refuse_constant, section_of
    from hrpn_tf.workflows.permeability.slide_fit import FitSettings, fit_slide

    target = config.data.target
    refuse_constant(opened.image, f"{opened.inputs.slide.name}: {target}")
    options = PermeabilityOptions()
    section = section_of(opened.inputs, config, opened.tissue, vessels, options)
    fitted = fit_slide(section, FitSettings(target, vessel_source, None, None))
    table = fitted.table()
    return {column: table[name] for name, column in COLUMNS.items()}
