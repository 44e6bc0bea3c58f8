"""The simplest baselines: the mean, and the mean by distance to the nearest vessel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hrpn_tf.evaluation.planes import Plane, Window, spread_windows

MAX_UM = 100.0  # all pixels farther from a vessel than this are treated alike
BIN_UM = 1.0
WINDOW = 1024
MAX_WINDOWS = 64  # of a slide, spread evenly: enough for a profile of a hundred numbers

Scale = Literal["linear", "logarithmic"]


@dataclass(frozen=True)
class VesselDistanceBaseline:
    """Mean target intensity by distance to the nearest vessel.

    Attributes:
        intensity: (bins,) grey levels; bin 0 is inside vessels, bin i holds distances in
            ((i - 1) BIN_UM, i BIN_UM], the last one all beyond. None if no input shows vessels.
        mean: of the target over all pixels, grey levels.
        mse: mean squared error on the pixels that it was fitted on.
        slides: how many slides these are of.
        scale: scale of intensities on which vessels were segmented.
    """

    intensity: np.ndarray | None
    mean: float
    mse: float
    slides: int
    scale: Scale

    def to_json(self) -> dict[str, Any]:
        """As plain values, with the distances in um."""
        intensity = [] if self.intensity is None else self.intensity.tolist()
        return {
            "training_slides": self.slides,
            "training_mean": self.mean,
            "training_mse": self.mse,
            "vessel_threshold": f"Otsu, {self.scale} scale",
            "distance_um": [i * BIN_UM for i in range(len(intensity))],
            "intensity": intensity,
        }


@dataclass(frozen=True)
class VesselDistance:
    """Distance to the nearest vessel as the index of a bin of a ``VesselDistanceBaseline``.

    Vessels are the pixels above ``threshold``, grey levels, in the plane ``vessels``.
    """

    vessels: Plane
    threshold: float
    pixel_size_um: float

    def bins(self, window: Window) -> np.ndarray:
        """(height, width) bin indices, exact: vessels outside the window count too."""
        outer = window.grown(int(np.ceil(MAX_UM / self.pixel_size_um)) + 1, self.vessels)
        distance = distance_to_vessels(outer.read(self.vessels) <= self.threshold)
        um = np.minimum(distance[window.within(outer)] * self.pixel_size_um, MAX_UM)
        return np.ceil(um / BIN_UM).astype(np.intp)


def distance_to_vessels(background: np.ndarray) -> np.ndarray:
    """(h, w) float32 distance of each pixel to the nearest one that is False, px; else infinite.

    By OpenCV, which is ten times as fast, where it is installed, else by SciPy, to the same bits.
    """
    if background.all():
        return np.full(background.shape, np.inf, np.float32)
    try:
        import cv2
    except ModuleNotFoundError:
        from scipy.ndimage import distance_transform_edt

        return np.asarray(distance_transform_edt(background), np.float32)
    found = cv2.distanceTransform(background.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(found)


@dataclass(frozen=True)
class DistancePlane:
    """The prediction of a profile for a slide, from its vessels alone."""

    distance: VesselDistance
    intensity: np.ndarray

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(np.float64)

    @property
    def height(self) -> int:
        """Rows, px."""
        return self.distance.vessels.height

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.distance.vessels.width

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        return self.intensity[self.distance.bins(Window(y, x, height, width))]


def vessel_distance(vessels: Plane, pixel_size_um: float, scale: Scale) -> VesselDistance:
    """Distances to the vessels, segmented by Otsu's threshold.

    Source: Otsu (1979), IEEE Transactions on Systems, Man, and Cybernetics 9:62.

    Args:
        vessels: the vessel channel, grey levels; a constant plane has no vessels.
        pixel_size_um: side length of a pixel, um.
        scale: scale of intensities for the threshold. The logarithmic scale gives a lower
            threshold, so that faint vessels count.
    """
    from skimage.filters import threshold_otsu

    sample = np.concatenate(
        [w.read(vessels).ravel() for w in spread_windows(vessels, 256, MAX_WINDOWS)]
    )
    values, counts = np.unique(sample, return_counts=True)
    values = values.astype(np.float64)
    if len(values) == 1:
        return VesselDistance(vessels, float(values[0]), pixel_size_um)
    places = values if scale == "linear" else np.log1p(np.maximum(values, 0.0))
    # with a histogram of single values the threshold is one of them, whatever their range
    threshold = float(values[np.searchsorted(places, threshold_otsu(hist=(counts, places)))])
    return VesselDistance(vessels, threshold, pixel_size_um)


def fit_profile(
    slides: Sequence[tuple[VesselDistance | None, Plane]], scale: Scale = "linear"
) -> VesselDistanceBaseline:
    """Mean target intensity by distance to the nearest vessel, and over all pixels.

    Of all functions of the binned distance, this one has the least squared error on these slides.
    Bins without pixels are interpolated.

    Args:
        slides: distances to vessels (or None) and target of each training slide.
        scale: scale of intensities on which the vessels were segmented.
    """
    bins = int(np.ceil(MAX_UM / BIN_UM)) + 1
    total, count, squares, known = np.zeros(bins), np.zeros(bins), 0.0, True
    for distance, target in slides:
        known = known and distance is not None
        for window in spread_windows(target, WINDOW, MAX_WINDOWS):
            grey = window.read(target).ravel().astype(np.float64)
            index = np.zeros(grey.size, np.intp) if distance is None else distance.bins(window)
            total += np.bincount(index.ravel(), weights=grey, minlength=bins)
            count += np.bincount(index.ravel(), minlength=bins)
            squares += float(grey @ grey)
    seen = np.flatnonzero(count)
    means = total[seen] / count[seen]
    return VesselDistanceBaseline(
        intensity=np.interp(np.arange(bins), seen, means) if known else None,
        mean=float(total.sum() / count.sum()),
        mse=float(squares - total[seen] @ means) / float(count.sum()),
        slides=len(slides),
        scale=scale,
    )
