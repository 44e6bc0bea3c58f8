"""Open a slide, whatever it is stored as."""

from pathlib import Path

from hrpn_tf.errors import SlideFormatError, SlideNotFoundError
from hrpn_tf.slides.folder import FolderSlide
from hrpn_tf.slides.slide import Slide
from hrpn_tf.slides.tiff import TiffSlide

_ZARR_MARKS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")


def open_slide(path: Path | str) -> Slide:
    """Open an OME-TIFF, ImageJ or plain TIFF, or a folder with one TIFF per channel.

    Nothing but the description is read; close the slide, or use it as a context manager.

    Raises:
        SlideNotFoundError: there is nothing of that name.
        SlideFormatError: not a slide of a supported kind, or a damaged one (its subclasses
            RgbSlideError and ChannelSizeError say more).
        PixelSizeError: pixels that are not square.
    """
    path = Path(path)
    if not path.exists():
        raise SlideNotFoundError(f"{path}: no such slide")
    if not path.is_dir():
        return TiffSlide(path)
    if any((path / mark).exists() for mark in _ZARR_MARKS):
        raise SlideFormatError(
            f"{path}: OME-Zarr is not supported yet; convert it to OME-TIFF first"
        )
    return FolderSlide(path)
