"""A slide one channel of which tells nothing, so that its contribution can be measured."""

from collections.abc import Sequence

import numpy as np

from hrpn_tf.slides import Slide
from hrpn_tf.slides.slide import ClosedOnExit

SEED = 0


class AblatedSlide(ClosedOnExit):
    """A slide one channel of which tells nothing; see ``Slide``.

    Args:
        slide: open.
        channel: index of the channel.
        level: grey level that it has everywhere, rounded where the slide holds whole numbers; or
            None to shuffle its blocks over the slide, which keeps grey levels and textures.
        side: of these blocks, px; the rest at the right and bottom stays where it is.
    """

    def __init__(self, slide: Slide, channel: int, level: float | None, side: int) -> None:
        self._slide, self._channel, self._side = slide, channel, side
        self.info = slide.info
        self._value = level
        if level is not None and self.info.dtype.kind == "u":
            self._value = round(level)
        rows, self._columns = self.info.height // side, self.info.width // side
        self._from = np.random.default_rng(SEED).permutation(rows * self._columns)

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`~hrpn_tf.slides.slide.Slide.read`."""
        window = self._slide.read(y, x, height, width, channels, level)
        places = [i for i, channel in enumerate(channels) if channel == self._channel]
        if not places:
            return window
        window = window.copy()
        window[..., places] = (
            self._shuffled(y, x, height, width) if self._value is None else self._value
        )
        return window

    def _shuffled(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        side = self._side
        out = self._slide.read(y, x, height, width, [self._channel]).copy()
        for row in range(y // side, min((y + height - 1) // side + 1, self.info.height // side)):
            for column in range(x // side, min((x + width - 1) // side + 1, self._columns)):
                top, left = max(y, row * side), max(x, column * side)
                bottom = min(y + height, (row + 1) * side)
                right = min(x + width, (column + 1) * side)
                source = divmod(int(self._from[row * self._columns + column]), self._columns)
                out[top - y : bottom - y, left - x : right - x] = self._slide.read(
                    source[0] * side + top - row * side,
                    source[1] * side + left - column * side,
                    bottom - top,
                    right - left,
                    [self._channel],
                )
        return out

    def close(self) -> None:
        """Close the slide."""
        self._slide.close()
