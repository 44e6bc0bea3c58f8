"""Coarse map of the tissue of a slide; tiles without tissue need not be computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from hrpn_tf.errors import UnfinishedError
from hrpn_tf.files import atomic_path
from hrpn_tf.prediction.reading import reflected
from hrpn_tf.slides import Windows, iter_windows
from hrpn_tf.untrusted import read_arrays

# Longest side of a map: an element of a slide of 64 000 px at 0.5 um/px is 31 um, in a few MB.
MAP_SIDE = 1024
_WINDOW = 2048  # px
Span = tuple[int, int]  # first px and length


@dataclass(frozen=True)
class TissueMap:
    """Tissue map of a slide.

    Attributes:
        mask: (h, w) bool; covers the whole slide.
        scale: (rows, columns) of an element, px of the slide.
        background: intensity of each input where there is no tissue.
    """

    mask: np.ndarray
    scale: tuple[float, float]
    background: tuple[float, ...]

    def touches(self, y: int, x: int, height: int, width: int, size: tuple[int, int]) -> bool:
        """Whether a window contains tissue; the slide of ``size`` px is extended by reflection."""
        return bool(self.touched([(y, height)], [(x, width)], size)[0, 0])

    def touched(
        self, down: Sequence[Span], across: Sequence[Span], size: tuple[int, int]
    ) -> np.ndarray:
        """Whether windows contain tissue, for each pair of some rows and some columns.

        Args:
            down: (first px, length) of rows; may lie partly outside the slide.
            across: likewise for columns.
            size: (height, width) of the slide, px, which is extended by reflection.

        Returns:
            (len(down), len(across)) bool.
        """
        counts = self._counts
        (top, bottom), (left, right) = (
            self._elements(spans, axis, size[axis]) for axis, spans in enumerate((down, across))
        )
        inside = counts[bottom][:, right] - counts[top][:, right]
        return np.asarray(inside - counts[bottom][:, left] + counts[top][:, left] > 0)

    @cached_property
    def _counts(self) -> np.ndarray:
        """(h + 1, w + 1): number of elements with tissue above and to the left."""
        return np.pad(self.mask.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)

    def _elements(
        self, spans: Sequence[Span], axis: int, side: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """First element of each span, and that after its last."""
        found = []
        for start, length in spans:
            if start < 0 or start + length > side:
                places = reflected(start, length, side)
                start, length = int(places.min()), int(np.ptp(places)) + 1
            scale = self.scale[axis]
            found.append((int(start / scale), int(np.ceil((start + length) / scale))))
        first, last = np.array(found, np.intp).reshape(-1, 2).clip(0, self.mask.shape[axis]).T
        return first, last

    def save(self, path: Path) -> None:
        """Write the map to a file ``*.npz``."""
        with atomic_path(path, overwrite=True) as temporary:
            np.savez(temporary, mask=self.mask, scale=self.scale, background=self.background)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a map that :meth:`save` wrote.

        Raises:
            UnfinishedError: it is damaged.
        """
        file = read_arrays(path, UnfinishedError, "; give --overwrite to start anew")
        rows, columns = file["scale"].tolist()
        return cls(file["mask"], (rows, columns), tuple(file["background"].tolist()))


def find_tissue(
    slide: Windows,
    channels: Sequence[int],
    size: tuple[int, int],
    classify: Callable[[np.ndarray, float], np.ndarray],
    element_px: int = 1,
) -> TissueMap:
    """Make a tissue map from the coarsest sufficient pyramid level.

    Tissue is dilated by one element, so that pixels just below the threshold are predicted, too.

    Args:
        slide: the slide as stored.
        channels: indices of the inputs.
        size: (height, width) of the pixel grid that the map will be used on, px.
        classify: function of (h, w, C) float32 mean intensities and the side of an element, px of
            that grid, to (h, w) bool, true for tissue.
        element_px: smallest side of an element, px of that grid.
    """
    info = slide.info
    fitting = [i for i, shape in enumerate(info.level_shapes) if max(shape) >= MAP_SIDE]
    level = max(fitting, default=0)
    height, width = info.level_shapes[level]
    side = max(-(-max(height, width) // MAP_SIDE), round(element_px * height / size[0]))
    means = np.empty((-(-height // side), -(-width // side), len(channels)), np.float32)
    step = side * max(1, _WINDOW // side)
    for y, x, h, w in iter_windows(height, width, step):
        pixels = slide.read(y, x, h, w, channels, level)
        rows, columns = -(-h // side), -(-w // side)
        # elements at the far edges cover fewer pixels; repeating the edge compensates for it
        pad = ((0, rows * side - h), (0, columns * side - w), (0, 0))
        if any(after for _, after in pad):
            pixels = np.pad(pixels, pad, mode="edge")
        for channel in range(len(channels)):
            means[y // side : y // side + rows, x // side : x // side + columns, channel] = (
                _block_means(pixels[..., channel], side)
            )
    scale = (size[0] * side / height, size[1] * side / width)
    mask = np.asarray(classify(means, min(scale)), bool)
    outside = means[~mask]
    background = np.median(outside, axis=0) if len(outside) else np.zeros(len(channels))
    mask = _dilated(_dilated(mask).T).T
    return TissueMap(mask, scale, tuple(map(float, background)))


def _dilated(mask: np.ndarray) -> np.ndarray:
    """A mask with each row united with its neighbours."""
    out = mask.copy()
    out[1:] |= mask[:-1]
    out[:-1] |= mask[1:]
    return out


def _block_means(plane: np.ndarray, side: int) -> np.ndarray:
    """Means of the blocks of ``side`` x ``side`` px of a plane, float32.

    To the last bit those of OpenCV's ``INTER_AREA`` where the sums are exact in float32; not by
    OpenCV, which environments for prediction alone lack.
    """
    height, width = plane.shape
    rows = plane.reshape(height // side, side, width).sum(axis=1, dtype=np.float32)
    sums = rows.reshape(height // side, width // side, side).sum(axis=2)
    return np.asarray(sums * np.float32(1 / side**2))
