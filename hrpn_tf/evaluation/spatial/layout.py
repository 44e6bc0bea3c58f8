"""Squares of micrometres that tile a slide: sub-areas, and the blocks of the bootstrap."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.evaluation.planes import Window


@dataclass(frozen=True)
class Squares:
    """Squares in rows, numbered row by row; the last of a row or column may be cut short.

    Attributes:
        side_px: may be fractional.
        rows, columns: of squares.
    """

    side_px: float
    rows: int
    columns: int

    def __len__(self) -> int:
        return self.rows * self.columns

    def index(self, window: Window) -> np.ndarray:
        """The square that each pixel's centre is in; (h, w) integer."""
        return self.at(
            np.arange(window.y, window.y + window.height)[:, None] + 0.5,
            np.arange(window.x, window.x + window.width)[None, :] + 0.5,
        )

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The square that each point is in, px from the outer corner of the first pixel."""
        row = np.clip((y / self.side_px).astype(np.intp), 0, self.rows - 1)
        column = np.clip((x / self.side_px).astype(np.intp), 0, self.columns - 1)
        number: np.ndarray = row * self.columns + column
        return number


def make_squares(side_um: float, pixel_size_um: float, height: int, width: int) -> Squares:
    """Squares that tile a slide of ``height`` x ``width`` px."""
    side = max(side_um / pixel_size_um, 1.0)
    return Squares(
        side, *(max(1, int(np.ceil(length / side - 1e-9))) for length in (height, width))
    )
