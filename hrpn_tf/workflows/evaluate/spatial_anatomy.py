"""Vessels, nuclei and regions of a slide, from its inputs or from files made elsewhere."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hrpn_tf.config import Config
from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.planes import Plane
from hrpn_tf.evaluation.spatial.components import Components
from hrpn_tf.evaluation.spatial.measure import Area
from hrpn_tf.evaluation.spatial.nuclei import GivenNuclei, Nuclei, SegmentedNuclei
from hrpn_tf.evaluation.spatial.vessels import (
    MaskOf,
    Stain,
    find_stain,
    find_vessels,
    grey_levels,
    otsu,
)
from hrpn_tf.prediction.objects import holds_objects
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import Slide
from hrpn_tf.workflows.evaluate.spatial_inputs import (
    SpatialFiles,
    named,
    open_on_slide,
    read_regions,
    refuse_bad_labels,
)

logger = logging.getLogger(__name__)

LARGEST_NUCLEUS = 6  # largest distance of a label's pixels from its centroid, in diameters


@dataclass(frozen=True)
class SlideInputs:
    """The inputs of a slide, in the pixels of the measurement.

    Attributes:
        slide: where it comes from.
        planes: grey levels by role.
        opened: the open slide.
        pixel_size_um: um per pixel.
    """

    slide: RunSlide
    planes: Mapping[str, Plane]
    opened: Slide
    pixel_size_um: float


@dataclass(frozen=True)
class Anatomy:
    """What is seen on a slide; attributes are those of ``SpatialSlide``."""

    vessels: Components
    vessel_source: str
    nuclei: Nuclei | None
    nucleus_source: str
    regions: Mapping[str, Area]


def refuse_no_vessels(config: Config, files: SpatialFiles, command: str) -> None:
    """Refuse a request without any source of vessels.

    Raises:
        UsageError: no input shows vessels, and no mask is given.
    """
    role = config.evaluation.vessel_role
    if role not in config.data.inputs and files.vessel_mask is None:
        raise UsageError(
            f"{command}: no input is called {role}; name the one that shows vessels with --set "
            "evaluation.vessel_role=ROLE, or give --vessel-mask"
        )


def find_anatomy(
    inputs: SlideInputs, config: Config, files: SpatialFiles, scratch: Path, stack: ExitStack
) -> Anatomy:
    """Find or read the vessels, nuclei and regions of a slide.

    Args:
        inputs: of the slide.
        config: of the run.
        files: files made elsewhere.
        scratch: an existing folder, for labels.
        stack: closes the files.

    Raises:
        VesselsError: no vessel, or nothing but vessel.
        MaskError, SlideMismatchError: a file that does not fit.
    """
    name = inputs.slide.name
    vessels, source = vessels_of(inputs, config, files, scratch, stack)
    nuclei, nucleus_source = _nuclei(inputs, config, files, stack)
    regions: Mapping[str, Area] = {}
    if files.regions is not None:
        regions = read_regions(named(files.regions, name), inputs.opened, inputs.slide)
    return Anatomy(vessels, source, nuclei, nucleus_source, regions)


def vessels_of(
    inputs: SlideInputs, config: Config, files: SpatialFiles, scratch: Path, stack: ExitStack
) -> tuple[Components, str]:
    """The vessels of a slide, and a description of their origin.

    Arguments and errors are those of :func:`find_anatomy`.
    """
    mask, source, stain = _vessel_mask(inputs, config, files, stack)
    where = f"{inputs.slide.name} ({source})"
    size, spatial = inputs.pixel_size_um, config.spatial
    return find_vessels(mask, size, spatial, scratch, where, stain), source


def _vessel_mask(
    inputs: SlideInputs, config: Config, files: SpatialFiles, stack: ExitStack
) -> tuple[Plane, str, Stain | None]:
    """Vessel mask, a description of its origin, and the stain that it was made of."""
    if files.vessel_mask is not None:
        path = named(files.vessel_mask, inputs.slide.name)
        plane = open_on_slide(path, inputs.opened, inputs.slide, stack)
        return MaskOf(plane, 0), f"mask {path.name}", None
    role, how = config.evaluation.vessel_role, config.spatial.vessel_threshold
    stain = find_stain(inputs.planes[role], config.spatial)
    chosen = f" by {how}" if isinstance(how, str) else ""
    return stain.wall, f"{role} above grey level {stain.vessel:.4g}{chosen}", stain


def _nuclei(
    inputs: SlideInputs, config: Config, files: SpatialFiles, stack: ExitStack
) -> tuple[Nuclei | None, str]:
    """Nuclei, and a description of their origin; None if no input shows them."""
    spatial, planes = config.spatial, inputs.planes
    diameter = spatial.nucleus_diameter_um / inputs.pixel_size_um
    if files.nucleus_labels is not None:
        path = named(files.nucleus_labels, inputs.slide.name)
        labels = open_on_slide(path, inputs.opened, inputs.slide, stack, nuclei=True)
        if not holds_objects(path):  # outlines were looked at as a whole
            refuse_bad_labels(labels, path)
        return GivenNuclei(labels, int(LARGEST_NUCLEUS * diameter)), f"labels {path.name}"
    role = spatial.nucleus_role
    if role not in planes:
        logger.warning(f"no nuclei: no input is called {role}; see spatial.nucleus_role")
        return None, f"none: no input is called {role}"
    given = spatial.nucleus_threshold
    level = otsu(*grey_levels(planes[role])) if given == "otsu" else float(given)
    return (
        SegmentedNuclei(planes[role], level, diameter),
        f"{role} above grey level {level:.4g}, split by watershed",
    )
