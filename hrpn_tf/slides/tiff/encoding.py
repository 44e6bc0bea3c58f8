"""Compress the tiles of a TIFF."""

from typing import Literal

import numpy as np

Compression = Literal["zlib", "zstd"]
_LEVEL = 1  # a higher one costs much more time than it saves bytes


def predictor(dtype: np.dtype) -> int:
    """The TIFF predictor of tiles of a type: 2, differences along rows, for integers, else 1, none.

    The one for floating point is unknown to some readers, Bio-Formats among them.
    """
    return 2 if dtype.kind == "u" else 1


def encode(tile: np.ndarray, compression: Compression) -> bytes:
    """A tile (h, w) of native byte order, as it is stored.

    Deflate by ISA-L takes a quarter of the time of the usual libraries for as many bytes; what it
    makes can be read by all of them.
    """
    import imagecodecs

    if predictor(tile.dtype) == 2:
        tile = imagecodecs.delta_encode(tile, axis=-1)
    pixels = tile.tobytes()
    if compression == "zstd":
        return bytes(imagecodecs.zstd_encode(pixels, level=_LEVEL))
    from isal import isal_zlib

    return bytes(isal_zlib.compress(pixels, level=_LEVEL))
