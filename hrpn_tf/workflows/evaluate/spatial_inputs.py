"""What a user gives for a spatial evaluation beside slides: masks, labels, regions."""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.errors import MaskError, SlideMismatchError, UsageError
from hrpn_tf.evaluation import ChannelPlane
from hrpn_tf.evaluation.planes import Plane
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import Slide, open_slide

FIELD = "{slide}"


@dataclass(frozen=True)
class SpatialFiles:
    """Paths in which ``{slide}`` stands for the name of a slide.

    Attributes:
        vessel_mask: image whose pixels other than 0 are vessel; None to threshold the channel.
        nucleus_labels: image with the number of the nucleus of each pixel; None to segment them.
        regions: GeoJSON file with named areas; None for none.
    """

    vessel_mask: str | None = None
    nucleus_labels: str | None = None
    regions: str | None = None

    def check(self, slides: tuple[RunSlide, ...]) -> None:
        """Refuse what does not fit a slide before anything is computed.

        Raises:
            UsageError: one file is named for several slides.
            MaskError, SlideNotFoundError, SlideFormatError: a file is missing or cannot be read.
            SlideMismatchError: a mask does not lie on the slide's pixels.
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
            with open_slide(slide.path) as opened, ExitStack() as stack:
                for pattern in (self.vessel_mask, self.nucleus_labels):
                    if pattern is not None:
                        open_on_slide(named(pattern, slide.name), opened, slide, stack)
                if self.regions is not None:
                    read_regions(named(self.regions, slide.name), opened)


def named(pattern: str, slide: str) -> Path:
    """The file of a slide."""
    return Path(pattern.replace(FIELD, slide))


def open_on_slide(path: Path, opened: Slide, slide: RunSlide, stack: ExitStack) -> Plane:
    """A mask or label image that lies on the pixels of a slide.

    Raises:
        SlideNotFoundError, SlideFormatError: it is missing or cannot be read.
        SlideMismatchError: it has another size, another pixel size, or several channels.
    """
    mask = stack.enter_context(open_slide(path))
    info, own = mask.info, opened.info
    if (info.height, info.width) != (own.height, own.width):
        raise SlideMismatchError(
            f"{path}: {info.height} x {info.width} px, but the slide {slide.name} has "
            f"{own.height} x {own.width}; make it from the full-resolution slide"
        )
    size = own.pixel_size_um or slide.pixel_size_um
    if info.pixel_size_um and size and not math.isclose(info.pixel_size_um, size, rel_tol=0.01):
        raise SlideMismatchError(
            f"{path}: {info.pixel_size_um:g} um/px, but the slide {slide.name} has {size:g}; it "
            "is of another slide or level"
        )
    if len(info.channels) != 1:
        raise SlideMismatchError(
            f"{path}: {len(info.channels)} channels, where a mask has one; save that one alone"
        )
    return ChannelPlane(mask, 0)


def read_regions(path: Path, opened: Slide) -> dict[str, Any]:
    """Name: area of each feature of a GeoJSON file; features of one name are one region.

    A feature is called what its property ``name`` says, or else the name of its
    ``classification`` as QuPath writes it, or else by its place in the file.

    Raises:
        MaskError: it cannot be read, holds no area, or one lies outside the slide.
    """
    from hrpn_tf.prediction.mask import read_regions as read

    return dict(read(path, opened.info.height, opened.info.width, feature_name))


def feature_name(feature: Mapping[str, Any], number: int) -> str:
    """What a GeoJSON feature is called; ``number`` counts from 1."""
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    kind = properties.get("classification")
    for name in (properties.get("name"), kind.get("name") if isinstance(kind, dict) else kind):
        if isinstance(name, str) and name.strip():
            return " ".join(name.split())[:80]
    return f"region {number}"


def refuse_bad_labels(plane: Plane, path: Path) -> None:
    """Refuse labels that are none, looking at a sample of them.

    Raises:
        MaskError: fractions, negative numbers, or nothing but a mask of one value.
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
