"""A slide of an analysis as a SpatialData object."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hrpn_tf._version import __version__
from hrpn_tf.evaluation.analysis.measures import SlideAnalysis
from hrpn_tf.evaluation.analysis.spatial_data import write_spatialdata
from hrpn_tf.slides.names import file_stem
from hrpn_tf.workflows.analyse.opened import OpenedSlide
from hrpn_tf.workflows.analyse.sources import Source

INPUTS, PREDICTED, MEASURED = "inputs", "prediction", "measured"


def write_object(
    source: Source,
    slide: SlideAnalysis,
    opened: OpenedSlide,
    folder: Path,
    origin: Mapping[str, Any],
) -> None:
    """Write a slide into a folder, ``SLIDE.zarr``, while its planes are open.

    Args:
        source: of the analysis.
        slide: what was measured of the slide.
        opened: the slide.
        folder: is made if it is not there.
        origin: what was analysed, as plain values.
    """
    config, planes, target = source.config, opened.inputs.planes, source.config.data.target
    names = (target, f"{target}_lower", f"{target}_upper")
    images = {
        INPUTS: {role: planes[role] for role in config.data.inputs},
        MEASURED if source.predictions is None else PREDICTED: dict(
            zip(names, (opened.image, *opened.bounds), strict=False)
        ),
    }
    about = {
        **origin,
        "slide": slide.name,
        "measures": {name: found["value"] for name, found in slide.values.items()},
        "settings": config.spatial.model_dump(mode="json"),
        "version": __version__,
    }
    folder.mkdir(exist_ok=True)
    write_spatialdata(slide, images, folder / f"{file_stem(slide.name)}.zarr", about)
