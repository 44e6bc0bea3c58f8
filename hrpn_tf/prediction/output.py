"""File formats of predicted slides."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.config import PredictionConfig
from hrpn_tf.errors import UsageError
from hrpn_tf.files import move, remove
from hrpn_tf.prediction.anchor import ScaledPlanes
from hrpn_tf.prediction.blocks import to_grey_levels
from hrpn_tf.prediction.tiling import Tiling
from hrpn_tf.slides.description import Planes, SlideDescription
from hrpn_tf.slides.tiff.writer import write_ome_tiff
from hrpn_tf.slides.zarr.planes import ZarrPlanes
from hrpn_tf.slides.zarr.writer import finish_ome_zarr

_ZARR = "ome-zarr-"
_TIFF_SUFFIXES, _ZARR_SUFFIXES = (".tif", ".tiff"), (".zarr",)
# Suffixes that distinguish a single result from a folder of results.
FILE_SUFFIXES = (*_TIFF_SUFFIXES, *_ZARR_SUFFIXES)


def suffix_of(config: PredictionConfig) -> str:
    """Suffix of a result's file name."""
    return ".ome.zarr" if config.format.startswith(_ZARR) else ".ome.tif"


def fitting_format(config: PredictionConfig, out: Path) -> PredictionConfig:
    """The configuration with the format implied by the name of the result.

    Raises:
        UsageError: the name is that of a TIFF, but the format is OME-Zarr.
    """
    suffix = out.suffix.lower()
    if suffix in _ZARR_SUFFIXES and not config.format.startswith(_ZARR):
        return config.model_copy(update={"format": "ome-zarr-0.5"})
    if suffix in _TIFF_SUFFIXES and config.format.startswith(_ZARR):
        raise UsageError(f"--out {out} is the name of a TIFF, --format is {config.format}")
    return config


@dataclass(frozen=True)
class Output:
    """How a result is stored, unfinished and finished.

    An unfinished result is an OME-Zarr whose first level is written block by block, by several
    processes at once; each block is one shard (OME-Zarr 0.5) or several whole chunks (0.4).

    Attributes:
        description: the slide.
        config: format and compression.
    """

    description: SlideDescription
    config: PredictionConfig

    def create(self, pixels: Path, tiling: Tiling) -> ZarrPlanes:
        """Create the unfinished result in a folder."""
        return ZarrPlanes.create(
            pixels / "0",
            self.description,
            block=(tiling.block_height, tiling.block_width),
            chunk=(tiling.chunk_height, tiling.chunk_width),
            version=self._version,
        )

    def open(self, pixels: Path) -> ZarrPlanes:
        """Open the unfinished result in a folder."""
        return ZarrPlanes.open(pixels / "0")

    def finish_scaled(
        self, pixels: Path, tiling: Tiling, factor: float, out: Path, overwrite: bool
    ) -> None:
        """The same as :meth:`finish` for blocks that are stored in float32 and not yet scaled.

        They are multiplied before they are rounded, and stay as they are, so that an interrupted
        call can be repeated.

        Args:
            pixels: folder of the finished blocks.
            tiling: the blocks.
            factor: what every channel is multiplied by.
            out, overwrite: see :meth:`finish`.
        """
        dtype = np.dtype(self.description.dtype)
        scaled = ScaledPlanes(self.open(pixels), factor, dtype, to_grey_levels)
        if not self._is_zarr:
            self._write_tiff(scaled, out, overwrite)
        else:
            folder = pixels.with_name("scaled")
            remove(folder)  # of a process that was killed while writing it
            planes = self.create(folder, tiling)
            for index in range(len(tiling)):
                block = tiling.block(index)
                place = (block.y, block.x, block.height, block.width)
                channels = [scaled.read(c, *place) for c in range(scaled.channels)]
                planes.write(block.y, block.x, np.stack(channels, axis=-1))
            self._finish_zarr(folder, out, overwrite)
        remove(pixels)

    def finish(self, pixels: Path, out: Path, overwrite: bool) -> None:
        """Turn the finished blocks into the result under its final name, and remove the folder.

        Raises:
            OutputExistsError: ``out`` exists and ``overwrite`` is false.
        """
        if self._is_zarr:
            self._finish_zarr(pixels, out, overwrite)
            return
        self._write_tiff(self.open(pixels), out, overwrite)
        remove(pixels)

    def _finish_zarr(self, folder: Path, out: Path, overwrite: bool) -> None:
        finish_ome_zarr(folder, self.description, self._version)
        move(folder, out, overwrite)

    def _write_tiff(self, planes: Planes, out: Path, overwrite: bool) -> None:
        write_ome_tiff(
            out,
            planes,
            self.description,
            compression=self.config.compression,
            overwrite=overwrite,
        )

    @property
    def _version(self) -> str:
        return self.config.format.removeprefix(_ZARR) if self._is_zarr else "0.5"

    @property
    def _is_zarr(self) -> bool:
        return self.config.format.startswith(_ZARR)
