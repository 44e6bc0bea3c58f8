"""What a patch dataset says of the normalisation of its slides."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.config import DataConfig
from hrpn_tf.data.levels import Line, line_of, reference_of
from hrpn_tf.data.manifest import DatasetManifest, SlideRecord
from hrpn_tf.errors import StoreError


def normalisation_of(
    records: Sequence[SlideRecord], config: DataConfig, dtype: np.dtype
) -> dict[str, Any]:
    """The settings that a normalised patch dataset owns beside those of its configuration.

    Args:
        records: of all of its slides, with their levels.
        config: of the patches.
        dtype: type of the slides.
    """
    reference = config.reference
    if not reference:
        levels = [record.levels for record in records if record.levels is not None]
        reference = reference_of(levels, config.inputs)
    # of the slides, since normalised inputs do not tell it
    whole = float(np.iinfo(dtype).max) if dtype.kind == "u" else None
    return {
        "reference": {role: list(pair) for role, pair in reference.items()},
        "grey_max": config.grey_max or whole,
    }


def is_normalised(manifest: DatasetManifest) -> bool:
    """Whether the inputs of a patch dataset are normalised."""
    return (manifest.settings or {}).get("normalisation", "none") != "none"


def lines_of(path: Path, manifest: DatasetManifest) -> list[list[Line]]:
    """Gain and offset of each input of each slide.

    Args:
        path: the patch dataset, for an error.
        manifest: its manifest.

    Raises:
        StoreError: it does not say how its slides are normalised.
    """
    try:
        reference = (manifest.settings or {})["reference"]
        return [
            [line_of(slide.levels[role], reference[role]) for role in manifest.roles[:-1]]  # type: ignore[index]
            for slide in manifest.slides
        ]
    except (KeyError, TypeError, ValueError, ZeroDivisionError, IndexError):
        raise StoreError(
            f"{path}: does not say how its slides are normalised; run hrpn-tf prepare again with "
            "--overwrite"
        ) from None
