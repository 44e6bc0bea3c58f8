"""The pixel grid of a prediction: that of the slide, or resampled to the network's pixel size."""

import math
from dataclasses import dataclass

from hrpn_export import Contract

from hrpn_tf.errors import PixelSizeError, RegionError
from hrpn_tf.prediction.tiling import Region
from hrpn_tf.slides import Slide, SlideInfo
from hrpn_tf.slides.checks import checked_pixel_size, pixel_size_difference
from hrpn_tf.slides.resample import ResampledSlide

# Slides with pixels this many times larger than the network's lack the necessary detail.
_COARSEST = 4.0
_ROUNDING = 1e-6  # px; rounding error of a product of decimal fractions


@dataclass(frozen=True)
class Frame:
    """Pixel grid of a prediction, relative to the slide.

    Attributes:
        pixel_size_um: of the result, um.
        level: pyramid level that is read.
        ratio: px of that level per px of the result.
        scale: px of the result per px of the slide at full resolution.
    """

    pixel_size_um: float
    level: int
    ratio: float
    scale: float

    @property
    def is_own(self) -> bool:
        """Whether the grid is that of the slide at full resolution."""
        return self.level == 0 and self.ratio == 1


def choose_frame(
    info: SlideInfo,
    contract: Contract,
    *,
    stated_um: float | None,
    tolerance: float,
    resample: bool,
    level: int | None = None,
) -> Frame:
    """Choose the pixel grid that fits the network.

    Args:
        info: the slide.
        contract: contract of the network; one without a pixel size accepts any slide.
        stated_um: um per pixel given by the user, for a slide whose file states none or an
            implausible one.
        tolerance: largest relative difference from the contract's pixel size without resampling.
        resample: whether a slide that differs by more is resampled; otherwise it is refused.
        level: the level to read; None for the nearest one that is not coarser than the contract.

    Raises:
        PixelSizeError: the pixel size is unknown, contradicts the file, is implausible, or does
            not fit the network.
        RegionError: no such level.
    """
    own = checked_pixel_size(info, stated_um, contract.pixel_size_um)
    if level is not None and not 0 <= level < len(info.levels):
        raise RegionError(f"{info.path}: no level {level}; it has {len(info.levels)}, from 0")
    wanted = contract.pixel_size_um
    sizes = [own * factor for factor in info.levels]
    if level is None:
        # a level within the tolerance of the contract's pixel size counts as fine enough
        fine = [
            i
            for i, um in enumerate(sizes)
            if wanted and (um <= wanted or pixel_size_difference(um, wanted) <= tolerance)
        ]
        level = max(fine, default=0)
    size = sizes[level]
    if wanted is None or pixel_size_difference(size, wanted) <= tolerance:
        return Frame(size, level, 1.0, 1 / info.levels[level])
    if not resample:
        raise PixelSizeError(
            f"{info.path}: {size:g} um/px, but the model was trained at {wanted:g} um/px "
            f"(tolerance {tolerance:.0%}); leave out prediction.resample=false to resample it"
        )
    if size > _COARSEST * wanted:
        raise PixelSizeError(
            f"{info.path}: {size:g} um/px, but the model was trained at {wanted:g} um/px; pixels "
            f"more than {_COARSEST:g} times larger hold too little for it to see"
        )
    return Frame(wanted, level, wanted / size, own / wanted)


def open_frame(slide: Slide, frame: Frame) -> Slide:
    """The slide on the pixel grid of the prediction."""
    if frame.is_own:
        return slide
    return ResampledSlide(slide, frame.level, frame.ratio, frame.pixel_size_um)


def frame_region(region: Region, info: SlideInfo, frame: Frame, size: tuple[int, int]) -> Region:
    """A region of the slide at full resolution, in px of the result, widened to whole px.

    Args:
        region: px of the slide at full resolution.
        info: the slide.
        frame: pixel grid of the prediction.
        size: (height, width) of the slide on that grid, px.

    Raises:
        RegionError: the region does not lie within the slide.
    """
    bottom, right = region.y + region.height, region.x + region.width
    inside = min(region.y, region.x) >= 0 and bottom <= info.height and right <= info.width
    if min(region.height, region.width) < 1 or not inside:
        raise RegionError(
            f"{info.path}: the region x {region.x}, y {region.y}, {region.width} x "
            f"{region.height} px does not lie within the slide of {info.width} x {info.height} px"
        )
    if frame.is_own:
        return region
    y, height = _scaled(region.y, bottom, frame.scale, size[0])
    x, width = _scaled(region.x, right, frame.scale, size[1])
    return Region(y, x, height, width)


def _scaled(start: int, end: int, scale: float, size: int) -> tuple[int, int]:
    """First pixel and length of a range along a line of ``size`` px, widened to whole px."""
    first = min(math.floor(start * scale + _ROUNDING), size - 1)
    return first, max(1, min(math.ceil(end * scale - _ROUNDING), size) - first)
