"""Intensity by distance to the nearest vessel within drawn outlines, from what layers show."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.config.spatial import SpatialConfig
from hrpn_tf.errors import PixelSizeError, SlideMismatchError
from hrpn_tf.evaluation.analysis.files import write_csv
from hrpn_tf.evaluation.analysis.objects import Table, profile_table
from hrpn_tf.evaluation.analysis.region_profile import (
    PlacedPlane,
    RegionProfile,
    region_profile,
)
from hrpn_tf.evaluation.planes import ChannelPlane, Window
from hrpn_tf.files import atomic_path
from hrpn_tf.napari_plugin.layers import Shown
from hrpn_tf.napari_plugin.region import outline_px, window_of
from hrpn_tf.slides import Slide, open_slide
from hrpn_tf.slides.checks import same_pixel_size
from hrpn_tf.slides.names import slide_name
from hrpn_tf.slides.resample import ResampledSlide
from hrpn_tf.text import printable

_OFF_GRID = 0.25  # px that the corner of an image may be off the pixels of another


@dataclass(frozen=True)
class ProfileWish:
    """What is to be measured.

    Attributes:
        image: whose intensity is measured.
        vessels: channel that shows vessels.
        shapes: corners (n, 2) of each outline, (y, x) um.
        kinds: of each outline, as napari names them.
        measured: another image to compare with; None for none.
        threshold: grey level above which a pixel is vessel; None to find it.
    """

    image: Shown
    vessels: Shown
    shapes: Sequence[np.ndarray]
    kinds: Sequence[str]
    measured: Shown | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class DrawnProfile:
    """A profile, and where its vessels lie.

    Attributes:
        wish: what was asked for.
        found: the profile.
        pixel_size_um: um per pixel of ``found.vessels``.
        corner_um: (y, x) of the outer corner of their first pixel, um.
    """

    wish: ProfileWish
    found: RegionProfile
    pixel_size_um: float
    corner_um: tuple[float, float]


def measure(wish: ProfileWish) -> DrawnProfile:
    """Measure what was drawn, on the pixels of the image.

    Args:
        wish: what is to be measured.

    Raises:
        UsageError: no area is drawn.
        RegionError: the area lies outside, or is too small.
        PixelSizeError: the pixel size of a slide is not known.
        SlideMismatchError: image and vessels do not lie on the same pixels.
        VesselsError: no vessel is found.
    """
    size = _size(wish.image)
    with ExitStack() as stack:
        slide = _on_grid(_opened(stack, wish.vessels), wish.vessels, size)
        vessels = ChannelPlane(slide, wish.vessels.channel)
        corner = wish.vessels.corner_um

        def placed(shown: Shown) -> PlacedPlane:
            opened = _on_grid(_opened(stack, shown), shown, size)
            top, left = _offset(shown, corner, size)
            plane = ChannelPlane(opened, shown.channel)
            return PlacedPlane(plane, top, left, vessels.height, vessels.width)

        image = placed(wish.image)
        area = outline_px(wish.shapes, wish.kinds, corner, size)
        config = SpatialConfig()
        if wish.threshold is not None:
            config = config.model_copy(update={"vessel_threshold": wish.threshold})
        found = region_profile(
            image,
            vessels,
            area,
            Window(*window_of(area, vessels.height, vessels.width)),
            pixel_size_um=size,
            config=config,
            measured=None if wish.measured is None else placed(wish.measured),
            name=f"{slide_name(wish.image.path)}: drawn region",
        )
    top, left = corner[0] + found.window.y * size, corner[1] + found.window.x * size
    return DrawnProfile(wish, found, size, (top, left))


def table_of(drawn: DrawnProfile) -> Table:
    """One row per bin of distance, as ``hrpn-tf analyse`` writes it, with what was compared."""
    analysis = drawn.found.analysis
    table, wish = profile_table(analysis), drawn.wish
    rows = len(table["pixels"])
    table |= {"image": np.full(rows, printable(wish.image.name), dtype=object)}
    if wish.measured is not None:
        true = analysis.profile.true
        nothing = np.full(rows, np.nan)
        table |= {
            "compared_with": np.full(rows, printable(wish.measured.name), dtype=object),
            "compared_mean": true.mean,
            "compared_low": nothing if true.low is None else true.low,
            "compared_high": nothing if true.high is None else true.high,
        }
    return table


def save(drawn: DrawnProfile, path: Path) -> None:
    """Write the table of a profile as CSV; a file that is there is replaced.

    Raises:
        DiskFullError: the disk is full; nothing is left.
        OSError: the folder cannot be written.
    """
    with atomic_path(path, overwrite=True) as temporary:
        write_csv(table_of(drawn), temporary)


def _size(shown: Shown) -> float:
    if shown.pixel_size_um is None:
        raise PixelSizeError(
            f"{shown.path}: the slide states no pixel size; give it on the page Predict"
        )
    return shown.pixel_size_um


def _opened(stack: ExitStack, shown: Shown) -> Slide:
    return stack.enter_context(open_slide(shown.path, z=shown.info.depth))


def _on_grid(slide: Slide, shown: Shown, size_um: float) -> Slide:
    """A slide with pixels of the size, from the coarsest level that is as fine."""
    own = _size(shown)
    if same_pixel_size(own, size_um):
        return slide
    fine = [i for i, factor in enumerate(slide.info.levels) if own * factor <= size_um * 1.01]
    level = max(fine, default=0)
    return ResampledSlide(slide, level, size_um / (own * slide.info.levels[level]), size_um)


def _offset(shown: Shown, corner_um: tuple[float, float], size_um: float) -> tuple[int, int]:
    """Where the first pixel of an image lies on the pixels that begin at a corner."""
    away = (np.asarray(shown.corner_um) - np.asarray(corner_um)) / size_um
    place = np.rint(away)
    if np.abs(away - place).max() > _OFF_GRID:
        raise SlideMismatchError(
            f"{shown.path}: does not lie on the pixels of the slide that shows the vessels; "
            "choose layers of one slide and of its prediction"
        )
    return int(place[0]), int(place[1])
