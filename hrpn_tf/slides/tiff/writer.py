"""Write a slide as OME-TIFF: tiled, compressed, with a pyramid in SubIFDs."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.files import atomic_path
from hrpn_tf.slides.description import Planes, SlideDescription, refuse_unstorable
from hrpn_tf.slides.pyramid import halve, pyramid_shapes
from hrpn_tf.slides.scratch import ScratchPlanes
from hrpn_tf.slides.threads import ahead, count
from hrpn_tf.slides.tiff import ome_xml as ome
from hrpn_tf.slides.tiff.encoding import Compression, encode, predictor

TILE = 512
# Classic TIFF ends at 4 GiB; the rest is room for the tags.
_CLASSIC_BYTES = 2**32 - 2**25
# Of tiles that are read and compressed ahead.
_BUFFER_BYTES = 8 * 2**20
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

    Tiles as the planes are chunked (512 px), a pyramid of factor 2 by area mean down to about
    1024 px, BigTIFF where the uncompressed slide would not fit into 4 GiB. The same planes and
    description give the same bytes. Nothing appears at ``path`` before it is complete. Memory does
    not grow with the slide; the levels being made lie, uncompressed, in nameless files in the
    folder of ``path``.

    Args:
        path: the file to make, usually ``*.ome.tif``.
        full: the pixels, of the description's size, channels and type, read by several threads at
            once.
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
    tile = _tile_shape(full)
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
            _write_level(
                tif, level, tile, description.pixel_size_um, 2**index, compression, options
            )


def _first_options(xml: bytes, levels: int) -> dict[str, Any]:
    return {"description": xml, "subifds": levels - 1, "subfiletype": 0}


def _write_level(
    tif: Any,
    level: Planes,
    tile: tuple[int, int],
    pixel_size_um: float | None,
    factor: int,
    compression: Compression,
    options: dict[str, Any],
) -> None:
    if pixel_size_um is not None:
        per_cm = 1e4 / (pixel_size_um * factor)
        options = options | {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
    tif.write(
        _tiles(level, tile, compression),
        shape=(level.channels, level.height, level.width),
        dtype=level.dtype,
        photometric="minisblack",
        tile=tile,
        compression=compression,
        predictor=predictor(level.dtype),
        metadata=None,
        software="hrpn-tf",
        **options,
    )


def _tiles(level: Planes, tile: tuple[int, int], compression: Compression) -> Iterator[bytes]:
    """The tiles of all channels, read and compressed while those before are written."""
    windows = (
        (channel, y, x)
        for channel in range(level.channels)
        for y in range(0, level.height, tile[0])
        for x in range(0, level.width, tile[1])
    )
    most = max(count(), _BUFFER_BYTES // (tile[0] * tile[1] * level.dtype.itemsize))
    return ahead(partial(_tile, level, tile, compression), windows, most)


def _tile(
    level: Planes, shape: tuple[int, int], compression: Compression, place: tuple[int, int, int]
) -> bytes:
    channel, y, x = place
    height, width = min(shape[0], level.height - y), min(shape[1], level.width - x)
    pixels = level.read(channel, y, x, height, width)
    if pixels.shape != shape:
        whole = np.zeros(shape, level.dtype)
        whole[:height, :width] = pixels
        pixels = whole
    return encode(pixels, compression)


def _tile_shape(full: Planes) -> tuple[int, int]:
    """As the planes are stored, so that each chunk is decoded once, if a TIFF allows it."""
    return full.chunk if all(side % 16 == 0 for side in full.chunk) else (TILE, TILE)
