"""Open a slide, whatever it is stored as."""

import os
from pathlib import Path

from hrpn_tf.errors import SlideFormatError, SlideNotFoundError
from hrpn_tf.slides.folder import FolderSlide
from hrpn_tf.slides.ome_zarr import OmeZarrSlide, is_ome_zarr
from hrpn_tf.slides.slide import Slide
from hrpn_tf.slides.tiff import TiffSlide


def open_slide(path: Path | str) -> Slide:
    """Open an OME-TIFF, ImageJ or plain TIFF, OME-Zarr, or a folder with one TIFF per channel.

    Nothing but the description is read; close the slide, or use it as a context manager.

    Raises:
        SlideNotFoundError: there is nothing of that name.
        SlideFormatError: not a slide of a supported kind, or a damaged one (its subclasses
            RgbSlideError and ChannelSizeError say more).
        PixelSizeError: pixels that are not square.
    """
    path = Path(path)
    if not os.path.exists(path):  # unlike Path.exists, also for names no file can have
        raise SlideNotFoundError(f"{path}: no such slide")
    if path.is_file():
        return TiffSlide(path)
    if not path.is_dir():
        raise SlideFormatError(f"{path}: is neither a file nor a folder")
    if is_ome_zarr(path):
        return OmeZarrSlide(path)
    return FolderSlide(path)
