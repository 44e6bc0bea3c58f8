"""The target in each nucleus. Nuclei are segmented by watershed, or given as labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hrpn_tf.evaluation.planes import Plane, Window

HALO_DIAMETERS = 5  # margin of a window: nuclei, and the clumps that they are split from
LEAST_AREA = 0.2  # of the usual nucleus; smaller pieces are no nuclei


@dataclass(frozen=True)
class NucleusMeans:
    """Nuclei; arrays hold one value for each.

    Attributes:
        y_px, x_px: centroids.
        area_px: pixels, those that it was grown by not counted.
        true, pred: mean of the measured and of the predicted target, grey levels.
    """

    y_px: np.ndarray
    x_px: np.ndarray
    area_px: np.ndarray
    true: np.ndarray
    pred: np.ndarray

    def __len__(self) -> int:
        return len(self.area_px)


class Nuclei(Protocol):
    """Where nuclei come from."""

    def label(self, window: Window) -> tuple[np.ndarray, Window]:
        """Numbers of the nuclei (h, w), 0 for none, in a window that holds ``window``."""
        ...


@dataclass(frozen=True)
class SegmentedNuclei:
    """Threshold, then a watershed on the distance to the background.

    Attributes:
        image: the nuclear channel.
        threshold: grey level above which a pixel is nucleus.
        diameter_px: usual diameter.
    """

    image: Plane
    threshold: float
    diameter_px: float

    def label(self, window: Window) -> tuple[np.ndarray, Window]:
        """See ``Nuclei``."""
        outer = window.grown(int(np.ceil(HALO_DIAMETERS * self.diameter_px)), self.image)
        return split_nuclei(outer.read(self.image), self.threshold, self.diameter_px), outer


@dataclass(frozen=True)
class GivenNuclei:
    """Labels that were made elsewhere.

    Attributes:
        labels: number of the nucleus of each pixel, 0 for none.
        margin_px: margin of a window; no nucleus may reach farther than this from its centroid.
    """

    labels: Plane
    margin_px: int

    def label(self, window: Window) -> tuple[np.ndarray, Window]:
        """See ``Nuclei``."""
        outer = window.grown(self.margin_px, self.labels)
        return outer.read(self.labels).astype(np.int64), outer


def split_nuclei(image: np.ndarray, threshold: float, diameter_px: float) -> np.ndarray:
    """Number of the nucleus of each pixel, 0 for none; (height, width) int32.

    The image is smoothed by a tenth of the diameter; the watershed floods the distance to the
    background from its maxima, no two of which are nearer than two fifths of the diameter.

    Args:
        image: (height, width) grey levels.
        threshold: grey level of the smoothed image above which a pixel is nucleus.
        diameter_px: usual diameter of a nucleus.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    smooth = gaussian_filter(image.astype(np.float32), 0.1 * diameter_px)
    mask = smooth > threshold
    if not mask.any():
        return np.zeros(image.shape, np.int32)
    depth = gaussian_filter(distance_transform_edt(mask).astype(np.float32), 0.1 * diameter_px)
    peaks = peak_local_max(
        depth,
        min_distance=max(1, round(0.4 * diameter_px)),
        threshold_abs=0.1 * diameter_px,
        labels=mask.astype(np.int32),
        exclude_border=False,
    )
    markers = np.zeros(image.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels: np.ndarray = watershed(-depth, markers, mask=mask)
    return labels


@dataclass(frozen=True)
class OwnNuclei:
    """The nuclei of a window and its margin.

    Attributes:
        labels: (h, w) numbers from 1 without gaps, 0 for none.
        chosen: (numbers + 1,) whether a number is a nucleus of the window itself.
        y_px, x_px: (numbers + 1,) centroids on the slide.
        area_px: (numbers + 1,) pixels.
    """

    labels: np.ndarray
    chosen: np.ndarray
    y_px: np.ndarray
    x_px: np.ndarray
    area_px: np.ndarray


def own_nuclei(labels: np.ndarray, outer: Window, window: Window, least_px: float) -> OwnNuclei:
    """The nuclei whose centroids lie in a window: windows that tile a slide have each once.

    Args:
        labels: (h, w) numbers of nuclei, 0 for none.
        outer: where they lie on the slide.
        window: within ``outer``.
        least_px: smaller nuclei are left out.
    """
    numbers, compact = np.unique(labels, return_inverse=True)
    compact = compact.reshape(labels.shape)
    if numbers[0] != 0:  # no background at all
        compact = compact + 1
    count = int(compact.max()) + 1
    rows, columns = np.nonzero(compact)
    inside = compact[rows, columns]
    area = np.bincount(inside, minlength=count)
    with np.errstate(invalid="ignore"):
        y = np.bincount(inside, rows, count) / area + outer.y
        x = np.bincount(inside, columns, count) / area + outer.x
    own = (area >= max(least_px, 1)) & _within(y, x, window)
    own[0] = False
    return OwnNuclei(compact, own, y, x, area)


def measure_nuclei(
    nuclei: Nuclei,
    window: Window,
    true: Plane,
    pred: Plane,
    *,
    least_px: float,
    grown_px: float,
) -> NucleusMeans:
    """The nuclei whose centroids lie in a window; see :func:`own_nuclei`.

    Args:
        nuclei: where they come from.
        window: of the slide.
        true, pred: the measured and the predicted target.
        least_px: smaller nuclei are left out.
        grown_px: nuclei are grown by this, not into each other, to measure the target.
    """
    from skimage.segmentation import expand_labels

    labels, outer = nuclei.label(window)
    found = own_nuclei(labels, outer, window, least_px)
    own, count = found.chosen, len(found.chosen)
    if not own.any():
        return NucleusMeans(*(np.zeros(0),) * 5)
    measured = expand_labels(found.labels, grown_px) if grown_px > 0 else found.labels
    where = np.nonzero(own[measured])
    number = measured[where]
    pixels = np.bincount(number, minlength=count)[own]
    means = [
        np.bincount(number, outer.read(plane)[where].astype(np.float64), count)[own] / pixels
        for plane in (true, pred)
    ]
    area = found.area_px[own].astype(np.float64)
    return NucleusMeans(found.y_px[own], found.x_px[own], area, *means)


def joined(parts: Iterator[NucleusMeans] | list[NucleusMeans]) -> NucleusMeans:
    """Nuclei of several windows as one."""
    fields = ("y_px", "x_px", "area_px", "true", "pred")
    parts = list(parts)
    return NucleusMeans(
        *(np.concatenate([np.zeros(0), *(getattr(p, name) for p in parts)]) for name in fields)
    )


def _within(y: np.ndarray, x: np.ndarray, window: Window) -> np.ndarray:
    """Centroids in a window; each point lies in exactly one of the windows that tile a plane."""
    with np.errstate(invalid="ignore"):
        inside: np.ndarray = (
            (np.floor(y + 0.5) >= window.y)
            & (np.floor(y + 0.5) < window.y + window.height)
            & (np.floor(x + 0.5) >= window.x)
            & (np.floor(x + 0.5) < window.x + window.width)
        )
    return inside
