"""The segmentation of vessels, and the distance to them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.config.spatial import SpatialConfig
from hrpn_tf.errors import VesselsError
from hrpn_tf.evaluation.planes import Plane, PlaneOfSize, Window, spread_windows
from hrpn_tf.evaluation.spatial.components import Components, label_components
from hrpn_tf.evaluation.spatial.lumens import find_lumens

SAMPLE_SIDE, SAMPLES = 256, 256  # windows of which grey levels are taken for a threshold
MOST_WALL = 0.25  # share of the tissue that vessel walls take at most


@dataclass(frozen=True)
class MaskOf(PlaneOfSize):
    """The pixels of a plane above a threshold.

    Attributes:
        plane: grey levels, or a mask, for which the threshold is 0.
        threshold: grey level.
    """

    threshold: float

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(bool)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        window: np.ndarray = self.plane.read(y, x, height, width) > self.threshold
        return window


@dataclass(frozen=True)
class _Not(MaskOf):
    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        return ~super().read(y, x, height, width)


@dataclass(frozen=True)
class _Either(PlaneOfSize):
    """Pixels of a mask, and those in an area.

    Attributes:
        areas: number of the area that a pixel is in, or 0.
    """

    areas: Plane

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(bool)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        area: np.ndarray = self.areas.read(y, x, height, width) != 0
        return area | (self.plane.read(y, x, height, width) != 0)


def grey_levels(plane: Plane, within: Plane | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Distinct grey levels and how often each occurs, in windows spread over a plane.

    Args:
        plane: the image.
        within: mask; None for all of it.
    """
    sample = []
    for window in spread_windows(plane, SAMPLE_SIDE, SAMPLES):
        grey = window.read(plane)
        sample.append(grey.ravel() if within is None else grey[window.read(within)])
    return np.unique(np.concatenate(sample).astype(np.float64), return_counts=True)


def otsu(values: np.ndarray, counts: np.ndarray) -> float:
    """Otsu's threshold of a histogram; the only value of a constant one."""
    from skimage.filters import threshold_otsu

    return float(values[0]) if len(values) == 1 else float(threshold_otsu(hist=(counts, values)))


@dataclass(frozen=True)
class Stain:
    """A vessel channel and the grey levels that tell its parts.

    Attributes:
        plane: vessel channel, grey levels.
        vessel: grey level above which a pixel is vessel.
        dark: highest grey level of a pixel without tissue; None if the channel shows no such.
    """

    plane: Plane
    vessel: float
    dark: float | None

    @property
    def wall(self) -> MaskOf:
        """The pixels above the threshold."""
        return MaskOf(self.plane, self.vessel)


def find_stain(vessels: Plane, config: SpatialConfig) -> Stain:
    """The thresholds of a slide's vessel channel, see ``SpatialConfig``.

    They are of the whole slide, from grey levels in windows spread over it.
    """
    values, counts = grey_levels(vessels)
    levels = _multi_otsu(values, counts)
    if isinstance(config.vessel_threshold, float | int):
        vessel = float(config.vessel_threshold)
    elif config.vessel_threshold == "otsu" or levels is None:
        vessel = otsu(values, counts)
    else:
        vessel = levels[1]
    return Stain(vessels, vessel, levels[0] if levels and levels[0] < vessel else None)


def vessel_threshold(vessels: Plane, config: SpatialConfig) -> float:
    """The grey level above which a pixel is vessel, see ``SpatialConfig``."""
    return find_stain(vessels, config).vessel


def _multi_otsu(values: np.ndarray, counts: np.ndarray) -> tuple[float, float] | None:
    """The grey levels that end glass and begin stain; None of too few levels.

    They are the two thresholds of three classes on the logarithm of grey levels. Where the upper
    class is more of the tissue than walls can be, the threshold fell within the tissue, as with
    strong autofluorescence and few vessels; the stain is then the uppermost of four classes.
    """
    if len(values) < 3:
        return None
    levels = _classes(values, counts, 3, 256)
    if levels is None:
        return None
    dark, upper = levels
    above = counts[values > upper].sum() / max(counts[values > dark].sum(), 1)
    if above > MOST_WALL and (four := _classes(values, counts, 4, 128)) is not None:
        upper = four[-1]
    return dark, upper


def _classes(
    values: np.ndarray, counts: np.ndarray, classes: int, bins: int
) -> tuple[float, ...] | None:
    """Multi-level Otsu on the logarithm of grey levels, as scikit-image does of an image."""
    from skimage.filters import threshold_multiotsu

    logs = np.log1p(np.maximum(values, 0.0))
    histogram, edges = np.histogram(logs, bins=bins, weights=counts.astype(np.float64))
    if np.count_nonzero(histogram) < classes:
        return None
    # empty bins stay: scikit-image reckons with the numbers of the bins
    centres = (edges[1:] + edges[:-1]) / 2
    found = threshold_multiotsu(hist=(histogram, centres), classes=classes)
    return tuple(float(np.expm1(level)) for level in found)


def find_vessels(
    mask: Plane,
    pixel_size_um: float,
    config: SpatialConfig,
    scratch: Path,
    source: str,
    stain: Stain | None = None,
) -> Components:
    """Vessels as connected components, with their lumens and without specks.

    Holes up to ``lumen_um2`` are lumens whatever they hold. With ``stain``, so are larger areas
    without tissue that a wall surrounds, see
    :func:`~hrpn_tf.evaluation.spatial.lumens.find_lumens`.

    Args:
        mask: pixels other than 0 are vessel.
        pixel_size_um: um per pixel.
        config: areas of lumens and specks.
        scratch: an existing folder, for labels.
        source: where the mask comes from, for the message.
        stain: of which ``mask`` is the wall; None for a mask that was made elsewhere.

    Raises:
        VesselsError: no vessel, or nothing but vessel.
    """
    pixel = pixel_size_um**2
    filled: Plane = MaskOf(mask, 0)
    advice = _ADVICE if stain is not None else _MASK_ADVICE
    if stain is not None and stain.dark is not None and config.empty_lumen_um2 > 0:
        lumens = find_lumens(
            stain.plane,
            mask,
            stain.dark,
            pixel_size_um=pixel_size_um,
            least_um2=config.vessel_min_um2,
            largest_um2=config.empty_lumen_um2,
            scratch=scratch / "lumens",
        )
        filled = _Either(filled, lumens)
    if config.lumen_um2 > 0:
        holes = label_components(_Not(filled, 0), scratch / "holes", diagonal=False)
        if len(holes) == 0:
            raise VesselsError(f"{source}: every pixel is vessel; {advice}")
        if holes.area_px.sum() == mask.height * mask.width:
            raise VesselsError(f"{source}: no vessel; {advice}")
        small = holes.area_px * pixel <= config.lumen_um2
        filled = _Either(filled, holes.keep(small).labels)
    found = label_components(filled, scratch / "vessels", diagonal=True)
    vessels = found.keep(found.area_px * pixel >= config.vessel_min_um2)
    if len(vessels) == 0:
        noun = "speck" if len(found) == 1 else "specks"
        specks = f", but {len(found)} {noun} smaller than {config.vessel_min_um2:g} um2"
        raise VesselsError(f"{source}: no vessel{specks if len(found) else ''}; {advice}")
    if vessels.area_px.sum() == mask.height * mask.width:
        raise VesselsError(f"{source}: every pixel is vessel; {advice}")
    return vessels


_ADVICE = (
    "set the grey level above which a pixel is vessel with --set spatial.vessel_threshold=LEVEL, "
    "or give a mask with --vessel-mask"
)
_MASK_ADVICE = "check the mask, and --set spatial.vessel_min_um2=AREA of the smallest vessel"


@dataclass(frozen=True)
class NearestVessel:
    """Distance of each pixel to the nearest vessel, and which one that is.

    Attributes:
        vessels: number of the vessel of each pixel, 0 for none.
        pixel_size_um: um per pixel.
        max_um: distances up to this are exact.
    """

    vessels: Plane
    pixel_size_um: float
    max_um: float

    @property
    def halo(self) -> int:
        """Margin within which every vessel lies that may be nearest, px."""
        return int(np.ceil(self.max_um / self.pixel_size_um))

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Distances (h, w) float64, um, between pixel centres, and vessel numbers (h, w).

        Exact up to ``max_um`` whatever the window, because vessels outside of it count, too;
        farther pixels have distance infinity and number 0. Vessel pixels have distance 0.
        """
        from scipy.ndimage import distance_transform_edt

        outer = window.grown(self.halo, self.vessels)
        labels = outer.read(self.vessels)
        inner = window.within(outer)
        if not labels.any():
            return np.full((window.height, window.width), np.inf), np.zeros_like(labels[inner])
        distance, (row, column) = distance_transform_edt(labels == 0, return_indices=True)
        um = distance[inner] * self.pixel_size_um
        nearest = labels[row[inner], column[inner]]
        far = um > self.max_um
        um[far], nearest[far] = np.inf, 0
        return um, nearest
