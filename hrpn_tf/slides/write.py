"""Write slides as tiled, pyramidal OME-TIFF that names its origin."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import tifffile

from hrpn_tf.errors import RegionError, SlideFormatError, SlideNotFoundError
from hrpn_tf.files import atomic_path, disk_full_as_named_error, refuse_existing
from hrpn_tf.slides import ome
from hrpn_tf.slides.pyramid import halve, pyramid_shapes
from hrpn_tf.slides.scratch import ScratchPlanes
from hrpn_tf.slides.slide import check_finite, iter_windows
from hrpn_tf.slides.tiff import malformed_as_named_error

TILE = 512
_DTYPES = ("uint8", "uint16", "float32")
_COMPRESSION_LEVEL = 1  # a higher one costs much more time than it saves bytes
# Classic TIFF ends at 4 GiB; the rest is room for the tags.
_CLASSIC_BYTES = 2**32 - 2**25
_THREADS = 2
_BUFFER_BYTES = 16 * 2**20


class SlideWriter:
    """Writes a slide block by block; a context manager.

    Blocks may come in any order and of any size, and each pixel is written once. On a clean exit
    the slide is at ``path``: tiles of 512 px, compressed, with a pyramid of factor 2 by area mean
    down to about 1024 px. On an error nothing is left. Memory does not grow with the slide; while
    writing, the disk of ``path`` holds the uncompressed slide beside the result.

    Args:
        path: the file to make, usually ``*.ome.tif``.
        height, width: px.
        channels: names.
        dtype: uint8, uint16 or float32.
        pixel_size_um: um per pixel; None if it is not known.
        provenance: where the slide comes from, as anything that JSON can hold, by key. Without
            dates, the same slide gives the same bytes.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
        SlideFormatError: another type, no channel, or an empty plane.
        UsageError: a name or the provenance cannot be stored.
        DiskFullError: the disk filled up.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "qd.ome.tif"
    >>> with SlideWriter(path, height=2, width=4, channels=["QD"], dtype="uint8",
    ...                  pixel_size_um=0.5, provenance={"model": "1f0c"}) as writer:
    ...     writer.write(0, 2, np.ones((2, 2, 1), np.uint8))
    ...     writer.write(0, 0, np.zeros((2, 2, 1), np.uint8))
    >>> read_provenance(path)
    {'model': '1f0c'}
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: Path,
        *,
        height: int,
        width: int,
        channels: Sequence[str],
        dtype: np.typing.DTypeLike,
        pixel_size_um: float | None,
        provenance: Mapping[str, Any],
        overwrite: bool = False,
    ) -> None:
        self._path = Path(path)
        self._dtype = np.dtype(dtype)
        if self._dtype.name not in _DTYPES:
            raise SlideFormatError(f"{path}: cannot store {self._dtype}; use {', '.join(_DTYPES)}")
        if height < 1 or width < 1 or not channels:
            raise SlideFormatError(
                f"{path}: a slide of {height} x {width} px with {len(channels)} channels is empty"
            )
        refuse_existing(self._path, overwrite)
        self._shape = (height, width, len(channels))
        self._pixel_size_um = pixel_size_um
        self._overwrite = overwrite
        self._written = 0
        self._scratch: ScratchPlanes | None = None
        self._description = ome.build(
            height=height,
            width=width,
            channels=channels,
            dtype=self._dtype,
            pixel_size_um=pixel_size_um,
            provenance=provenance,
        )

    def __enter__(self) -> Self:
        with disk_full_as_named_error(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._scratch = self._new_scratch(self._shape[:2])
        return self

    def write(self, y: int, x: int, block: np.ndarray) -> None:
        """Store one block.

        Args:
            y, x: its first row and column, px.
            block: (h, w, C) grey levels of the slide's type.

        Raises:
            RegionError: the block does not lie within the slide, or has other channels.
            SlideFormatError: the block is of another type.
            NonFinitePixelsError: it holds NaN or infinite pixels.
            DiskFullError: the disk filled up.
        """
        if self._scratch is None:
            raise RuntimeError("SlideWriter.write is called within its 'with' block only")
        height, width, channels = self._shape
        if block.ndim != 3 or block.shape[2] != channels:
            raise RegionError(
                f"{self._path}: a block of shape {block.shape} where (h, w, {channels}) is wanted"
            )
        h, w = block.shape[:2]
        if y < 0 or x < 0 or y + h > height or x + w > width:
            raise RegionError(
                f"{self._path}: a block of {h} x {w} px at row {y}, column {x} does not lie within "
                f"the slide of {height} x {width} px"
            )
        if block.dtype != self._dtype:
            raise SlideFormatError(
                f"{self._path}: a block of {block.dtype} for a slide of {self._dtype}"
            )
        check_finite(block, self._path, y, x, 0)
        with disk_full_as_named_error(self._path):
            self._scratch.write(y, x, block)
        self._written += h * w

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._scratch is not None
        try:
            if error is None:
                self._finish(self._scratch)
        finally:
            self._scratch.close()
            self._scratch = None

    def _finish(self, full: ScratchPlanes) -> None:
        height, width, _ = self._shape
        if self._written != height * width:
            raise RegionError(
                f"{self._path}: {self._written} pixels were written where the slide has "
                f"{height * width}; each must be written once"
            )
        shapes = pyramid_shapes(height, width)
        total = sum(h * w for h, w in shapes) * self._shape[2] * self._dtype.itemsize
        with (
            atomic_path(self._path, self._overwrite) as temporary,
            tifffile.TiffWriter(temporary, bigtiff=total > _CLASSIC_BYTES, byteorder="<") as tif,
            ExitStack() as stack,
        ):
            level = full
            for index, shape in enumerate(shapes):
                if index:
                    smaller = stack.enter_context(closing(self._new_scratch(shape)))
                    halve(level, smaller)
                    level = smaller
                self._write_level(tif, level, index, len(shapes))

    def _write_level(self, tif: Any, level: ScratchPlanes, index: int, levels: int) -> None:
        resolution: dict[str, Any] = {}
        if self._pixel_size_um is not None:
            per_cm = 1e4 / (self._pixel_size_um * 2**index)
            resolution = {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
        tif.write(
            _tiles(level),
            shape=(level.channels, level.height, level.width),
            dtype=self._dtype,
            photometric="minisblack",
            tile=(TILE, TILE),
            compression="zlib",
            compressionargs={"level": _COMPRESSION_LEVEL},
            # the predictor for floating point is unknown to some readers, Bio-Formats among them
            predictor=2 if self._dtype.kind == "u" else None,
            subifds=levels - 1 if index == 0 else None,
            subfiletype=0 if index == 0 else 1,
            description=self._description if index == 0 else None,
            metadata=None,
            software="hrpn-tf",
            maxworkers=_THREADS,
            buffersize=_BUFFER_BYTES,
            **resolution,
        )

    def _new_scratch(self, shape: tuple[int, int]) -> ScratchPlanes:
        return ScratchPlanes(self._path.parent, self._shape[2], *shape, self._dtype)


def write_slide(
    path: Path,
    image: np.ndarray,
    *,
    channels: Sequence[str],
    pixel_size_um: float | None,
    provenance: Mapping[str, Any],
    overwrite: bool = False,
) -> None:
    """Write an image (H, W, C) of grey levels that is in memory; see :class:`SlideWriter`."""
    if image.ndim != 3 or image.shape[2] != len(channels):
        raise RegionError(
            f"{path}: an image of shape {image.shape} where (height, width, {len(channels)}) is "
            f"wanted for channels {', '.join(channels)}"
        )
    with SlideWriter(
        path,
        height=image.shape[0],
        width=image.shape[1],
        channels=channels,
        dtype=image.dtype,
        pixel_size_um=pixel_size_um,
        provenance=provenance,
        overwrite=overwrite,
    ) as writer:
        writer.write(0, 0, image)


def read_provenance(path: Path) -> dict[str, Any]:
    """The provenance that :class:`SlideWriter` put into a file; empty for files by others.

    Raises:
        SlideNotFoundError: there is no such file.
        SlideFormatError: it is no TIFF, or a damaged one.
    """
    if not Path(path).is_file():
        raise SlideNotFoundError(f"{path}: no such slide")
    with malformed_as_named_error(Path(path)), tifffile.TiffFile(path) as tif:
        if not tif.is_ome:
            return {}
        return ome.provenance(ome.parse(tif.pages.first.description, Path(path)))


def _tiles(level: ScratchPlanes) -> Iterator[np.ndarray]:
    for channel in range(level.channels):
        for window in iter_windows(level.height, level.width, TILE):
            tile = np.zeros((TILE, TILE), level.dtype)
            pixels = level.read(channel, *window)
            tile[: pixels.shape[0], : pixels.shape[1]] = pixels
            yield tile
