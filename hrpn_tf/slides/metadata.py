"""Channel names and pixel size as the file states them; nothing is guessed."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hrpn_tf.errors import PixelSizeError

_UM = {
    "µm": 1.0,  # micro sign
    "μm": 1.0,  # Greek mu
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "pm": 1e-6,
    "å": 1e-4,
    "nm": 1e-3,
    "mm": 1e3,
    "cm": 1e4,
    "dm": 1e5,
    "m": 1e6,
    "in": 25_400.0,
    "inch": 25_400.0,
    "inches": 25_400.0,
}
# No light microscope resolves the finer ones, and in coarser ones a cell is less than a pixel.
PLAUSIBLE_UM = (0.02, 25.0)
# TIFF resolution tags coarser than this (1016 dpi) say how to print or show an image (72, 96, 300
# dpi, or a placeholder of 1), not how it was taken.
_COARSEST_TAG_UM = PLAUSIBLE_UM[1]
_INCH, _CENTIMETRE = 2, 3


def to_um(value: float, unit: str) -> float | None:
    """A length in micrometres; None if the unit is no length or the value is no size.

    >>> to_um(325, "nm"), to_um(1, "pixel")
    (0.325, None)
    """
    length = length_um(value, unit)
    return length if length is not None and length > 0 else None


def length_um(value: float, unit: str) -> float | None:
    """The same for a length that may be 0 or negative, such as a position.

    >>> length_um(-2, "mm"), length_um(2, "reference frame")
    (-2000.0, None)
    """
    factor = _UM.get(unit.strip().casefold())
    length = math.nan if factor is None else value * factor
    return length if math.isfinite(length) else None


def implausible(pixel_size_um: float) -> bool:
    """Whether a pixel size, um, is none that shows cells in a slide, so that its unit is in doubt.

    It is reported as stated all the same: only the user can know.

    >>> implausible(0.325), implausible(500), implausible(0.000325)
    (False, True, True)
    """
    return not PLAUSIBLE_UM[0] <= pixel_size_um <= PLAUSIBLE_UM[1]


def square_pixel(path: Path, width: float | None, height: float | None) -> float | None:
    """Side of a pixel, um, from its width and height, um; None if either is not stated.

    Raises:
        PixelSizeError: they differ by more than 1 %.
    """
    if width is None or height is None:
        return None
    if abs(width - height) > 0.01 * max(width, height):
        raise PixelSizeError(
            f"{path}: pixels are not square ({width:g} x {height:g} um); resample the slide first"
        )
    return width


def imagej_pixel_size(path: Path, metadata: Mapping[str, Any], tags: Any) -> float | None:
    """Pixel size, um, of a TIFF by ImageJ: the unit is in its metadata, the number in the tags."""
    unit = str(metadata.get("unit", ""))
    # ImageJ writes the micro sign as a Java escape
    unit = unit.replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    if unit.casefold() in ("inch", "inches", "in", "cm"):
        return tag_pixel_size(path, tags)  # may be a print resolution
    sizes = (_pixels_per_unit(tags, 282), _pixels_per_unit(tags, 283))
    width, height = (None if n is None else to_um(1 / n, unit) for n in sizes)
    return square_pixel(path, width, height)


def tag_pixel_size(path: Path, tags: Any) -> float | None:
    """Pixel size, um, from the resolution tags of a TIFF page, if they state a unit.

    Print resolutions, of which 72 and 96 dpi are the most common, state nothing about the slide.
    """
    unit = tags.get(296)
    factor = {_INCH: 25_400.0, _CENTIMETRE: 10_000.0}.get(int(unit.value) if unit else 0)
    sizes = (_pixels_per_unit(tags, 282), _pixels_per_unit(tags, 283))
    if factor is None or sizes[0] is None or sizes[1] is None:
        return None
    width, height = factor / sizes[0], factor / sizes[1]
    if max(width, height) > _COARSEST_TAG_UM:
        return None
    return square_pixel(path, width, height)


def tag_position(tags: Any) -> tuple[float, float] | None:
    """(y, x) of a TIFF page, um, from its tags YPosition and XPosition, if they state a unit."""
    unit = tags.get(296)
    factor = {_INCH: 25_400.0, _CENTIMETRE: 10_000.0}.get(int(unit.value) if unit else 0)
    y, x = (_rational(tags, code) for code in (287, 286))
    return None if factor is None or y is None or x is None else (y * factor, x * factor)


def _pixels_per_unit(tags: Any, code: int) -> float | None:
    """XResolution (282) or YResolution (283); None if it is missing or no positive number."""
    value = _rational(tags, code)
    return value if value is not None and value > 0 else None


def _rational(tags: Any, code: int) -> float | None:
    """The value of a tag of type RATIONAL; None if it is missing or no number."""
    tag = tags.get(code)
    if tag is None or not isinstance(tag.value, tuple) or len(tag.value) != 2:
        return None
    numerator, denominator = tag.value
    return None if denominator <= 0 or numerator < 0 else float(numerator) / float(denominator)


def imagej_labels(metadata: Mapping[str, Any], count: int) -> tuple[str, ...] | None:
    """Slice labels of an ImageJ hyperstack, if there is one different label per channel."""
    labels = metadata.get("Labels")
    if not isinstance(labels, list) or len(labels) != count:
        return None
    names = tuple(str(label).strip() for label in labels)
    return names if all(names) and len(set(names)) == count else None
