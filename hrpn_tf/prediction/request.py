"""Settings that determine the result of a prediction, and the description of the result."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from hrpn_tf.config import CONDITIONS
from hrpn_tf.prediction.anchor import FOUND
from hrpn_tf.prediction.started import StartRecord
from hrpn_tf.prediction.symmetries import ORIENTATIONS
from hrpn_tf.prediction.task import PredictionTask
from hrpn_tf.prediction.tiling import Tiling
from hrpn_tf.slides.description import SlideDescription


def request(prediction: PredictionTask, origin: Mapping[str, Any]) -> dict[str, Any]:
    """All settings that determine the result, as JSON; an unfinished one resumes only if equal."""
    info, mask = prediction.slide.info, prediction.mask
    return {
        "origin": origin,
        "contract": prediction.session.contract.fields(),
        "slide": {"height": info.height, "width": info.width, "dtype": info.dtype.name},
        "pixel_size_um": prediction.pixel_size_um or info.pixel_size_um,
        "channels": list(prediction.channels),
        "region": vars(prediction.area),
        "mask": None if mask is None else hashlib.sha256(mask.area.wkb).hexdigest(),
        "settings": prediction.config.model_dump(mode="json", exclude=set(CONDITIONS)),
    }


def description(
    prediction: PredictionTask,
    tiling: Tiling,
    record: StartRecord,
    anchored: Mapping[str, Any] | None = None,
) -> SlideDescription:
    """Description of the slide to write.

    Args:
        prediction: the prediction.
        tiling: the tiles.
        record: record of the start.
        anchored: how the result is scaled, see ``AnchorTask.found``; None while it is unfinished.
    """
    area, info = prediction.area, prediction.slide.info
    # the requested pixel size comes first: a slide may state one in a wrong unit
    size, position = prediction.pixel_size_um or info.pixel_size_um, info.position_um
    if size is None:
        position = None
    elif prediction.region is not None:
        corner = position or (0.0, 0.0)
        position = (corner[0] + area.y * size, corner[1] + area.x * size)
    return SlideDescription(
        height=area.height,
        width=area.width,
        channels=tuple(prediction.session.contract.outputs),
        dtype=prediction.stored_dtype if anchored is None else np.dtype(prediction.config.dtype),
        pixel_size_um=size,
        position_um=position,
        provenance={
            **record.origin,
            **record.assessed,
            "tiling": _describe(tiling, record.seams, prediction.config.symmetries),
            **({} if anchored is None else {FOUND: dict(anchored)}),
        },
    )


def _describe(
    tiling: Tiling, seams: Mapping[str, float] | None, symmetries: bool
) -> dict[str, Any]:
    return {
        "tile_px": list(tiling.shape),
        "block_px": [tiling.block_height, tiling.block_width],
        "halo_px": tiling.halo,
        "edges": "reflection",
        "exact": tiling.exact,
        "blended": tiling.blended,
        **({"averaged_orientations": ORIENTATIONS} if symmetries else {}),
        **({} if seams is None else {"seam_error": seams}),
    }
