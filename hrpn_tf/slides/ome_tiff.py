"""Write a slide as OME-TIFF: tiled, compressed, with a pyramid in SubIFDs."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hrpn_tf.files import atomic_path
from hrpn_tf.slides import ome
from hrpn_tf.slides.description import Planes, SlideDescription, refuse_unstorable
from hrpn_tf.slides.pyramid import halve, pyramid_shapes
from hrpn_tf.slides.scratch import ScratchPlanes
from hrpn_tf.slides.slide import iter_windows

Compression = Literal["zlib", "zstd"]
TILE = 512
_COMPRESSION_LEVEL = 1  # a higher one costs much more time than it saves bytes
# Classic TIFF ends at 4 GiB; the rest is room for the tags.
_CLASSIC_BYTES = 2**32 - 2**25
# More than these would wait for the one thread that reads and writes.
_MOST_THREADS = 8
_BUFFER_BYTES = 16 * 2**20
_BLOCK = (1024, 1024)


def write_ome_tiff(
    path: Path,
    full: Planes,
    description: SlideDescription,
    *,
    compression: Compression = "zlib",
    overwrite: bool = False,
) -> None:
    """Write planes that are on disk as one OME-TIFF.

    Tiles of 512 px, a pyramid of factor 2 by area mean down to about 1024 px, BigTIFF where the
    uncompressed slide would not fit into 4 GiB. The same planes and description give the same
    bytes. Nothing appears at ``path`` before it is complete. Memory does not grow with the slide;
    the levels being made lie, uncompressed, in nameless files in the folder of ``path``.

    Args:
        path: the file to make, usually ``*.ome.tif``.
        full: the pixels, of the description's size, channels and type; best in chunks of 512 px,
            or multiples that a tile does not cross.
        description: what the file says of itself.
        compression: zlib, which every reader knows, or zstd, which is faster.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
        SlideFormatError: another type, no channel, or an empty plane.
        UsageError: a name or the provenance cannot be stored.
        DiskFullError: the disk filled up.
    """
    import tifffile

    path = Path(path)
    refuse_unstorable(path, description)
    xml = ome.build(description)
    dtype, channels = np.dtype(description.dtype), len(description.channels)
    shapes = pyramid_shapes(description.height, description.width)
    total = sum(h * w for h, w in shapes) * channels * dtype.itemsize
    with (
        atomic_path(path, overwrite) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=total > _CLASSIC_BYTES, byteorder="<") as tif,
        ExitStack() as stack,
    ):
        level: Planes = full
        for index, shape in enumerate(shapes):
            if index:
                smaller = ScratchPlanes(path.parent, channels, *shape, dtype)
                stack.enter_context(closing(smaller))
                halve(level, smaller, _BLOCK)
                level = smaller
            options = _first_options(xml, len(shapes)) if index == 0 else {"subfiletype": 1}
            _write_level(tif, level, description.pixel_size_um, 2**index, compression, options)


def _first_options(xml: bytes, levels: int) -> dict[str, Any]:
    return {"description": xml, "subifds": levels - 1, "subfiletype": 0}


def _write_level(
    tif: Any,
    level: Planes,
    pixel_size_um: float | None,
    factor: int,
    compression: Compression,
    options: dict[str, Any],
) -> None:
    if pixel_size_um is not None:
        per_cm = 1e4 / (pixel_size_um * factor)
        options = options | {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
    tif.write(
        _tiles(level),
        shape=(level.channels, level.height, level.width),
        dtype=level.dtype,
        photometric="minisblack",
        tile=(TILE, TILE),
        compression=compression,
        compressionargs={"level": _COMPRESSION_LEVEL},
        # the predictor for floating point is unknown to some readers, Bio-Formats among them
        predictor=2 if level.dtype.kind == "u" else None,
        metadata=None,
        software="hrpn-tf",
        maxworkers=min(len(os.sched_getaffinity(0)), _MOST_THREADS),
        buffersize=_BUFFER_BYTES,
        **options,
    )


def _tiles(level: Planes) -> Iterator[np.ndarray]:
    for channel in range(level.channels):
        for window in iter_windows(level.height, level.width, TILE):
            tile = np.zeros((TILE, TILE), level.dtype)
            pixels = level.read(channel, *window)
            tile[: pixels.shape[0], : pixels.shape[1]] = pixels
            yield tile
