"""Slides made of planes in memory."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.config import SpatialConfig
from hrpn_tf.evaluation.spatial.intensity import Extremes
from hrpn_tf.evaluation.spatial.measure import SlideMeasures, SpatialSlide, measure_slide
from hrpn_tf.evaluation.spatial.vessels import find_vessels
from support.array_plane import ArrayPlane

RANGE = Extremes(-20.0, 65535.0)  # of the grey levels of any test


def measured(
    true: np.ndarray,
    pred: np.ndarray,
    vessels: np.ndarray,
    scratch: Path,
    config: SpatialConfig | None = None,
    pixel_size_um: float = 1.0,
    **changes: Any,
) -> SlideMeasures:
    """Measure a slide that is in memory; ``changes`` are attributes of ``SpatialSlide``."""
    config = config or SpatialConfig()
    scratch.mkdir(parents=True)
    slide = SpatialSlide(
        name=scratch.name,
        group=scratch.name,
        true=ArrayPlane(true),
        pred=ArrayPlane(pred),
        tissue=None,
        vessels=find_vessels(ArrayPlane(vessels), pixel_size_um, config, scratch, "test"),
        vessel_source="a mask",
        nuclei=None,
        nucleus_source="none",
        positive=5.0,
        regions={},
        pixel_size_um=pixel_size_um,
    )
    return measure_slide(replace(slide, **changes), config, RANGE)
