"""Writes a slide block by block or at once, in the format that its name states."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from hrpn_tf.errors import RegionError, SlideFormatError
from hrpn_tf.files import disk_full_as_named_error, refuse_existing
from hrpn_tf.slides.description import SlideDescription, refuse_unstorable
from hrpn_tf.slides.scratch import ScratchPlanes
from hrpn_tf.slides.slide import check_finite
from hrpn_tf.slides.tiff import ome_xml as ome
from hrpn_tf.slides.tiff.writer import Compression, write_ome_tiff
from hrpn_tf.slides.zarr.writer import write_ome_zarr


class SlideWriter:
    """Writes a slide block by block; a context manager.

    Blocks may come in any order and of any size, and each pixel is written once. On a clean exit
    the slide is at ``path``: an OME-Zarr 0.5 if that ends in ``.zarr``
    (:func:`~hrpn_tf.slides.zarr.writer.write_ome_zarr`), otherwise an OME-TIFF
    (:func:`~hrpn_tf.slides.tiff.writer.write_ome_tiff`). On an error nothing is left. Memory does
    not grow with the slide; while writing, the disk of ``path`` holds the uncompressed slide
    beside the result.

    Args:
        path: the file or folder to make, usually ``*.ome.tif`` or ``*.ome.zarr``.
        height, width: px.
        channels: names.
        dtype: uint8, uint16 or float32.
        pixel_size_um: um per pixel; None if it is not known.
        provenance: where the slide comes from, as anything that JSON can hold, by key. Without
            dates, the same slide gives the same bytes.
        position_um: (y, x) of the outer corner of the first pixel, um, for a region of a slide.
        compression: of an OME-TIFF: zlib, which every reader knows, or zstd, which is faster.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
        SlideFormatError: another type, no channel, or an empty plane.
        UsageError: a name or the provenance cannot be stored.
        DiskFullError: the disk filled up.

    >>> import tempfile
    >>> from hrpn_tf.slides import read_provenance
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
        position_um: tuple[float, float] | None = None,
        compression: Compression = "zlib",
        overwrite: bool = False,
    ) -> None:
        self._path = Path(path)
        self._description = SlideDescription(
            height=height,
            width=width,
            channels=tuple(channels),
            dtype=np.dtype(dtype),
            pixel_size_um=pixel_size_um,
            provenance=provenance,
            position_um=position_um,
        )
        refuse_unstorable(self._path, self._description)
        if not _is_zarr(self._path):
            ome.build(self._description)
        refuse_existing(self._path, overwrite)
        self._compression: Compression = compression
        self._overwrite = overwrite
        self._written = 0
        self._scratch: ScratchPlanes | None = None

    def __enter__(self) -> Self:
        made = self._description
        with disk_full_as_named_error(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._scratch = ScratchPlanes(
                self._path.parent, len(made.channels), made.height, made.width, made.dtype
            )
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
        made = self._description
        channels = len(made.channels)
        if block.ndim != 3 or block.shape[2] != channels:
            raise RegionError(
                f"{self._path}: a block of shape {block.shape} where (h, w, {channels}) is wanted"
            )
        h, w = block.shape[:2]
        if y < 0 or x < 0 or y + h > made.height or x + w > made.width:
            raise RegionError(
                f"{self._path}: a block of {h} x {w} px at row {y}, column {x} does not lie within "
                f"the slide of {made.height} x {made.width} px"
            )
        if block.dtype != made.dtype:
            raise SlideFormatError(
                f"{self._path}: a block of {block.dtype} for a slide of {made.dtype}"
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
        if self._written != full.height * full.width:
            raise RegionError(
                f"{self._path}: {self._written} pixels were written where the slide has "
                f"{full.height * full.width}; each must be written once"
            )
        if _is_zarr(self._path):
            write_ome_zarr(self._path, full, self._description, overwrite=self._overwrite)
            return
        write_ome_tiff(
            self._path,
            full,
            self._description,
            compression=self._compression,
            overwrite=self._overwrite,
        )


def write_slide(
    path: Path,
    image: np.ndarray,
    *,
    channels: Sequence[str],
    pixel_size_um: float | None,
    provenance: Mapping[str, Any],
    position_um: tuple[float, float] | None = None,
    compression: Compression = "zlib",
    overwrite: bool = False,
) -> None:
    """Write an image that is in memory; see :class:`SlideWriter` for arguments and errors.

    Args:
        image: (H, W, C) grey levels, uint8, uint16 or float32.
    """
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
        position_um=position_um,
        compression=compression,
        overwrite=overwrite,
    ) as writer:
        writer.write(0, 0, image)


def _is_zarr(path: Path) -> bool:
    return path.suffix.casefold() == ".zarr"
