"""The classical baseline: gradient-boosted trees on smoothed inputs and the distance to vessels.

The trees see the features of a usual pixel classifier (ilastik, Weka) and predict the intensity of
the target.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_tf.evaluation.baselines.vessel_distance import VesselDistance
from hrpn_tf.evaluation.planes import Plane, Window, draw_pixels, spread_windows

SIGMAS_UM = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # the largest is a little above a diffusion length
TRUNCATE = 4.0  # a kernel ends at this many sigmas
SAMPLE = 200_000  # pixels that the trees are fitted on
WINDOW = 512  # side of the windows that the sample is drawn from, px
MAX_WINDOWS = 64  # of all slides together
ROWS = 131_072  # pixels that are predicted at once
SEED = 0

# Few leaves of many pixels: slides differ more from each other than pixels of one slide, and larger
# trees learn the training slides by heart.
SETTINGS = {
    "loss": "squared_error",
    "max_iter": 100,
    "learning_rate": 0.1,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 200,
    "early_stopping": False,
    "random_state": SEED,
}


@dataclass(frozen=True)
class Features:
    """The features of each pixel of a slide.

    For every input: its intensity, its intensity smoothed by a Gaussian of each of ``SIGMAS_UM``,
    and the length of the gradient of each smoothed image. The last feature is the distance to the
    nearest vessel, um.

    Attributes:
        inputs: planes of one size, in the run's order.
        distance: to the vessels, or None if no input shows them.
        pixel_size_um: um per pixel.
    """

    inputs: tuple[Plane, ...]
    distance: VesselDistance | None
    pixel_size_um: float

    def read(self, window: Window) -> np.ndarray:
        """(height, width, features) float32; smoothing also sees the pixels around the window."""
        maps = [each for plane in self.inputs for each in self._of(plane, window)]
        if self.distance is not None:
            maps.append(self.distance.bins(window))
        return np.stack(maps, axis=-1, dtype=np.float32, casting="same_kind")

    def _of(self, plane: Plane, window: Window) -> Iterator[np.ndarray]:
        widest = window.grown(_reach(max(SIGMAS_UM) / self.pixel_size_um), plane)
        image = widest.read(plane).astype(np.float32)
        yield image[window.within(widest)]
        for sigma_um in SIGMAS_UM:
            sigma = sigma_um / self.pixel_size_um
            outer = window.grown(_reach(sigma), plane)
            smooth = _smooth(np.ascontiguousarray(image[outer.within(widest)]), sigma)
            along_y, along_x = (_slope(smooth, axis) for axis in (0, 1))
            inner = window.within(outer)
            yield smooth[inner]
            yield np.hypot(along_y, along_x)[inner]


@dataclass(frozen=True)
class Trees:
    """Fitted trees.

    Attributes:
        model: scikit-learn's ``HistGradientBoostingRegressor``, from features to grey levels.
        mse: mean squared error on the pixels that they were fitted on.
        pixels: how many these are.
        slides: and of how many slides.
    """

    model: Any
    mse: float
    pixels: int
    slides: int

    def to_json(self) -> dict[str, Any]:
        """The size of the training sample and the error on it, as plain values."""
        return {
            "training_slides": self.slides,
            "training_pixels": self.pixels,
            "training_mse": self.mse,
            "sigmas_um": list(SIGMAS_UM),
            "settings": SETTINGS,
        }


@dataclass(frozen=True)
class TreesPlane:
    """The prediction of fitted trees for a slide, grey levels."""

    trees: Trees
    features: Features

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(np.float64)

    @property
    def height(self) -> int:
        """Rows, px."""
        return self.features.inputs[0].height

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.features.inputs[0].width

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        table = self.features.read(Window(y, x, height, width)).reshape(height * width, -1)
        parts = [table[i : i + ROWS] for i in range(0, len(table), ROWS)]
        with _one_thread():
            values = np.concatenate([self.trees.model.predict(part) for part in parts])
        return values.reshape(height, width)


def fit_trees(slides: Sequence[tuple[Features, Plane]]) -> Trees:
    """Fit trees by least squares to a sample of the pixels of the training slides.

    Args:
        slides: the features of each training slide, and its target.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    table, grey = sample_pixels(slides)
    with _one_thread():
        model = HistGradientBoostingRegressor(**SETTINGS).fit(table, grey)
        mse = float(np.mean((model.predict(table) - grey) ** 2))
    return Trees(model, mse, len(grey), len(slides))


def sample_pixels(slides: Sequence[tuple[Features, Plane]]) -> tuple[np.ndarray, np.ndarray]:
    """About ``SAMPLE`` pixels, the same in every call.

    Every slide gives as many as its share of all pixels, drawn from windows that are spread evenly
    over it.

    Returns:
        Features (pixels, features) float32, and grey levels of the target (pixels,) float64.
    """
    everything = sum(target.height * target.width for _, target in slides)
    each = max(1, MAX_WINDOWS // len(slides))
    random = np.random.default_rng(SEED)
    tables, grey = [], []
    for features, target in slides:
        windows = spread_windows(target, WINDOW, each)
        own = SAMPLE * target.height * target.width / everything
        for window, chosen in draw_pixels(windows, own, random):
            table = features.read(window)
            tables.append(table.reshape(-1, table.shape[-1])[chosen])
            grey.append(window.read(target).ravel()[chosen].astype(np.float64))
    return np.concatenate(tables), np.concatenate(grey)


def _one_thread() -> AbstractContextManager[Any]:
    """One thread, which gives the same sums on every machine.

    Several wait for each other so busily that beside another program they take tens of times as
    long as one.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="openmp")
    return limits


def _reach(sigma: float) -> int:
    """How far a pixel's features reach, px: the kernel, and one more for the gradient."""
    return int(TRUNCATE * sigma + 0.5) + 1


def _smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    """By a Gaussian, reflected at the border; some times as fast as SciPy's."""
    import cv2

    radius = int(TRUNCATE * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    return cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT)


def _slope(image: np.ndarray, axis: int) -> np.ndarray:
    """Derivative per pixel by central differences; 0 along an axis of one pixel."""
    if image.shape[axis] == 1:
        return np.zeros_like(image)
    slope: np.ndarray = np.gradient(image, axis=axis)
    return slope
