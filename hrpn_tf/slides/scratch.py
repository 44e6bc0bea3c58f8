"""The pixels of a slide on disk during writing: written in any order, read by windows."""

import os
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from hrpn_tf.slides.planes import RawPlane

# Rows of windows of this width are read in pieces that are worth the call.
_CHUNK = 512


class ScratchPlanes:
    """Uncompressed planes (C, H, W) in a file without a name, in the folder of the result.

    The system frees it when it is closed, however the process ends. Reads and writes go through
    the file, never through a memory map, so memory does not grow with the slide.
    """

    def __init__(
        self, folder: Path, channels: int, height: int, width: int, dtype: np.dtype
    ) -> None:
        self.channels, self.height, self.width = channels, height, width
        self.chunk = (_CHUNK, _CHUNK)
        self.dtype = np.dtype(dtype)
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (see close)
        plane_bytes = height * width * self.dtype.itemsize
        self._planes = tuple(
            RawPlane(folder, self._file.fileno(), c * plane_bytes, height, width, 1, 0, self.dtype)
            for c in range(channels)
        )

    def write(self, y: int, x: int, block: np.ndarray) -> None:
        """Store a block (h, w, C) at row ``y``, column ``x``.

        Raises:
            OSError: the disk is full.
        """
        rows = np.ascontiguousarray(np.moveaxis(block, -1, 0), self.dtype)
        for channel, plane in enumerate(self._planes):
            if block.shape[1] == self.width:
                self._write_bytes(plane.offset_of(y, 0), rows[channel])
                continue
            for row in range(block.shape[0]):
                self._write_bytes(plane.offset_of(y + row, x), rows[channel, row])

    def read(self, channel: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """A window (height, width) of one channel; pixels never written are 0 or missing."""
        out = np.empty((height, width), self.dtype)
        self._planes[channel].read(y, x, out)
        return out

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()

    def _write_bytes(self, offset: int, values: np.ndarray) -> None:
        view = values.data.cast("B")
        while view:  # a disk that fills up takes a part first, and refuses the rest
            written = os.pwrite(self._file.fileno(), view, offset)
            view, offset = view[written:], offset + written
