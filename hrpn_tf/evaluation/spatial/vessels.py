"""The segmentation of vessels, and the distance to them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.config.spatial import SpatialConfig
from hrpn_tf.errors import VesselsError
from hrpn_tf.evaluation.planes import Plane, PlaneOfSize, Window, spread_windows
from hrpn_tf.evaluation.spatial.components import Components, LabelPlane, label_components

SAMPLE_SIDE, SAMPLES = 256, 256  # windows of which grey levels are taken for a threshold


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
class _Filled(MaskOf):
    """A mask with its small holes.

    Attributes:
        holes: number of the hole that a pixel is in, or 0.
    """

    holes: LabelPlane

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        hole: np.ndarray = self.holes.read(y, x, height, width) > 0
        return hole | super().read(y, x, height, width)


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


def vessel_threshold(vessels: Plane, config: SpatialConfig) -> float:
    """The grey level above which a pixel is vessel, see ``SpatialConfig``."""
    from skimage.filters import threshold_multiotsu

    if isinstance(config.vessel_threshold, float | int):
        return float(config.vessel_threshold)
    values, counts = grey_levels(vessels)
    if config.vessel_threshold == "otsu" or len(values) < 3:
        return otsu(values, counts)
    # 256 bins of equal width on the logarithmic scale, as scikit-image makes them of an image
    logs = np.log1p(np.maximum(values, 0.0))
    histogram, edges = np.histogram(logs, bins=256, weights=counts.astype(np.float64))
    if np.count_nonzero(histogram) < 3:
        return otsu(values, counts)
    # empty bins stay: scikit-image reckons with the numbers of the bins
    upper = threshold_multiotsu(hist=(histogram, (edges[1:] + edges[:-1]) / 2), classes=3)[-1]
    return float(np.expm1(upper))


def find_vessels(
    mask: Plane, pixel_size_um: float, config: SpatialConfig, scratch: Path, source: str
) -> Components:
    """Vessels as connected components, with their lumens and without specks.

    Args:
        mask: pixels other than 0 are vessel.
        pixel_size_um: um per pixel.
        config: areas of lumens and specks.
        scratch: an existing folder, for labels.
        source: where the mask comes from, for the message.

    Raises:
        VesselsError: no vessel, or nothing but vessel.
    """
    pixel = pixel_size_um**2
    filled: Plane = MaskOf(mask, 0)
    if config.lumen_um2 > 0:
        holes = label_components(_Not(mask, 0), scratch / "holes", diagonal=False)
        if len(holes) == 0:
            raise VesselsError(f"{source}: every pixel is vessel; {_ADVICE}")
        if holes.area_px.sum() == mask.height * mask.width:
            raise VesselsError(f"{source}: no vessel; {_ADVICE}")
        small = holes.area_px * pixel <= config.lumen_um2
        filled = _Filled(mask, 0, holes.keep(small).labels)
    found = label_components(filled, scratch / "vessels", diagonal=True)
    vessels = found.keep(found.area_px * pixel >= config.vessel_min_um2)
    if len(vessels) == 0:
        specks = f", but {len(found)} specks smaller than {config.vessel_min_um2:g} um2"
        raise VesselsError(f"{source}: no vessel{specks if len(found) else ''}; {_ADVICE}")
    if vessels.area_px.sum() == mask.height * mask.width:
        raise VesselsError(f"{source}: every pixel is vessel; {_ADVICE}")
    return vessels


_ADVICE = (
    "set the grey level above which a pixel is vessel with --set spatial.vessel_threshold=LEVEL, "
    "or give a mask with --vessel-mask"
)


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
