"""A slide whose channels are mapped by a line each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hrpn_tf.slides.slide import ClosedOnExit, Slide


class NormalisedSlide(ClosedOnExit):
    """A slide times a gain plus an offset, per channel; see ``Slide``. Closing it closes the slide.

    Args:
        slide: the open slide.
        lines: gives (gain, offset) by index of the channel; other channels are left as they are.
            Called at every read.
    """

    def __init__(
        self, slide: Slide, lines: Callable[[], Mapping[int, tuple[float, float]]]
    ) -> None:
        self._slide, self._lines = slide, lines
        self.info = replace(slide.info, dtype=np.dtype("float32"))

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`~hrpn_tf.slides.slide.Slide.read`; float32."""
        stored = self._slide.read(y, x, height, width, channels, level)
        lines = self._lines()
        chosen = [lines.get(channel, (1.0, 0.0)) for channel in channels]
        return normalised(stored, chosen)

    def close(self) -> None:
        """Close the slide."""
        self._slide.close()


def normalised(pixels: np.ndarray, lines: Sequence[tuple[float, float]]) -> np.ndarray:
    """Pixels (..., C) times the gain plus the offset of each channel, float32.

    Example:
        >>> normalised(np.array([[1, 2]], np.uint8), [(2.0, 0.0), (1.0, -0.5)]).tolist()
        [[2.0, 1.5]]
    """
    gains, offsets = np.array(lines, np.float32).T
    return np.asarray(pixels, np.float32) * gains + offsets
