"""Files of a spatial evaluation beside the slides: masks, labels, regions."""

import logging
import math
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.errors import MaskError, SlideMismatchError, UsageError
from hrpn_tf.evaluation import ChannelPlane
from hrpn_tf.evaluation.planes import NearestPlane, Plane
from hrpn_tf.prediction.objects import OutlineLabels, holds_objects, read_objects
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import Slide, SlideInfo, open_labels, open_slide
from hrpn_tf.slides.checks import recorded_pixel_size
from hrpn_tf.slides.depth import Depth

logger = logging.getLogger(__name__)

FIELD = "{slide}"


@dataclass(frozen=True)
class SpatialFiles:
    """Paths of files, in which ``{slide}`` stands for the name of a slide.

    Attributes:
        vessel_mask: image with non-zero vessel pixels, or GeoJSON with their outlines; None to
            threshold the vessel channel.
        nucleus_labels: label image with one number per nucleus, or GeoJSON with their outlines;
            None to segment the nuclei.
        regions: GeoJSON file with named regions; None for none.
    """

    vessel_mask: str | None = None
    nucleus_labels: str | None = None
    regions: str | None = None

    def paths(self, slides: Iterable[str]) -> list[Path]:
        """The files of slides, by the names of these."""
        patterns = [each for each in (self.vessel_mask, self.nucleus_labels, self.regions) if each]
        return [named(pattern, slide) for slide in slides for pattern in patterns]

    def check(self, slides: tuple[RunSlide, ...], z: Depth | None = None) -> None:
        """Check before the computation that the files fit their slides.

        Args:
            slides: the slides.
            z: what is read of stacks.

        Raises:
            UsageError: one file is named for several slides.
            MaskError, SlideNotFoundError, SlideFormatError: a file is missing or cannot be read.
            SlideMismatchError: a mask does not have the pixel grid of its slide.
        """
        for option, pattern in (
            ("--vessel-mask", self.vessel_mask),
            ("--nucleus-labels", self.nucleus_labels),
            ("--regions", self.regions),
        ):
            if pattern is not None and FIELD not in pattern and len(slides) > 1:
                raise UsageError(
                    f"{option} {pattern}: one file for {len(slides)} slides; write {FIELD} where "
                    "the name of the slide belongs, or choose one slide with --group"
                )
        for slide in slides:
            with open_slide(slide.path, z=z) as opened, ExitStack() as stack:
                for pattern, nuclei in ((self.vessel_mask, False), (self.nucleus_labels, True)):
                    if pattern is not None:
                        path = named(pattern, slide.name)
                        plane = open_on_slide(path, opened, slide, stack, nuclei=nuclei)
                        for remark in getattr(plane, "remarks", ()):
                            logger.warning(remark)
                if self.regions is not None:
                    read_regions(named(self.regions, slide.name), opened, slide)


def named(pattern: str, slide: str) -> Path:
    """Path of a slide's file."""
    return Path(pattern.replace(FIELD, slide))


def open_on_slide(
    path: Path, opened: Slide, slide: RunSlide, stack: ExitStack, *, nuclei: bool = False
) -> Plane:
    """A mask or label image, which has the pixels of its slide, in the pixels of the evaluation.

    Args:
        path: the image, or a GeoJSON file of outlines, in pixels of the slide.
        opened: the slide as it is evaluated: its own pixels, or those of its prediction. Then each
            pixel takes the value of the image at its centre.
        slide: the slide.
        stack: closes the image.
        nuclei: whether nuclei are wanted of cells.

    Raises:
        SlideNotFoundError, SlideFormatError: the image is missing or cannot be read.
        SlideMismatchError: it has another size, another pixel size, or several channels.
        MaskError: the GeoJSON file is missing, cannot be read, or is of another slide.
    """
    if holds_objects(path):
        return _outlines_on_slide(path, opened, slide, nuclei)
    mask = stack.enter_context(open_labels(path))
    info, (own, size) = mask.info, _full(slide, opened)
    if (info.height, info.width) != (own.height, own.width):
        raise SlideMismatchError(
            f"{path}: {info.height} x {info.width} px, but the slide {slide.name} has "
            f"{own.height} x {own.width}; make it from the full-resolution slide"
        )
    if info.pixel_size_um and not math.isclose(info.pixel_size_um, size, rel_tol=0.01):
        raise SlideMismatchError(
            f"{path}: {info.pixel_size_um:g} um/px, but the slide {slide.name} has {size:g}; it "
            "is of another slide or level"
        )
    if len(info.channels) != 1:
        raise SlideMismatchError(
            f"{path}: {len(info.channels)} channels, where a mask has one; save that one alone"
        )
    plane, seen = ChannelPlane(mask, 0), opened.info
    if (seen.height, seen.width) == (own.height, own.width):
        return plane
    return NearestPlane(plane, seen.height, seen.width, (seen.pixel_size_um or size) / size)


def _outlines_on_slide(path: Path, opened: Slide, slide: RunSlide, nuclei: bool) -> OutlineLabels:
    (own, size), seen = _full(slide, opened), opened.info
    scale = size / (seen.pixel_size_um or size)
    on_grid = seen.height, seen.width
    return read_objects(path, own.height, own.width, nuclei=nuclei, scale=scale, size=on_grid)


def read_regions(path: Path, opened: Slide, slide: RunSlide) -> dict[str, Any]:
    """Regions of a GeoJSON file by name; features of one name form one region.

    The name of a feature is its property ``name``, or else the name of its QuPath
    ``classification``, or else its position in the file.

    Args:
        path: the file; coordinates are px of the slide at full resolution.
        opened: the slide as it is evaluated; see :func:`open_on_slide`.
        slide: the slide.

    Raises:
        MaskError: the file cannot be read, holds no area, or a region lies outside the slide.
    """
    from hrpn_tf.prediction.mask import read_regions as read

    own, size = _full(slide, opened)
    scale = size / (opened.info.pixel_size_um or size)
    return dict(read(path, own.height, own.width, feature_name, scale))


def _full(slide: RunSlide, seen: Slide) -> tuple[SlideInfo, float]:
    """Description of a slide, and its pixel size at full resolution, um."""
    with open_slide(slide.path, z=seen.info.depth) as opened:
        return opened.info, recorded_pixel_size(opened.info, slide.pixel_size_um)


def feature_name(feature: Mapping[str, Any], number: int) -> str:
    """Name of a GeoJSON feature; ``number`` counts from 1."""
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    kind = properties.get("classification")
    for name in (properties.get("name"), kind.get("name") if isinstance(kind, dict) else kind):
        if isinstance(name, str) and name.strip():
            return " ".join(name.split())[:80]
    return f"region {number}"


def refuse_bad_labels(plane: Plane, path: Path) -> None:
    """Refuse an image that holds no labels, judged by a sample of its pixels.

    Raises:
        MaskError: fractions, negative numbers, or a mask with a single value.
    """
    from hrpn_tf.evaluation.spatial.vessels import grey_levels

    values, _ = grey_levels(plane)
    wrong = values[(values < 0) | (values % 1 != 0)]
    if len(wrong):
        raise MaskError(f"{path}: holds {wrong[0]:g}; labels are whole numbers from 0")
    present = values[values > 0]
    if len(present) == 0:
        raise MaskError(f"{path}: holds no label; every pixel looked at is 0")
    if len(present) == 1:
        raise MaskError(
            f"{path}: holds one label ({present[0]:g}) only: a mask, where each nucleus has a "
            "number of its own; label its connected parts first"
        )
