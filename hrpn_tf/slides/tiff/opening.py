"""Opens TIFF files: the one place where tifffile is given a file from elsewhere."""

from pathlib import Path

import tifffile

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.tiff import directories


def open_tiff(path: Path) -> tifffile.TiffFile:
    """An open TIFF file, whose directories have been counted; close it.

    Raises:
        SlideFormatError: it is no regular file, no image is found in it, or its directories are
            circular or more than any slide has.
        tifffile.TiffFileError: not a TIFF.
    """
    if not path.is_file():  # a device or a pipe would be waited for
        raise SlideFormatError(f"{path}: is no file")
    directories.refuse_absurd(path)
    tif = tifffile.TiffFile(path)
    try:
        _ = tif.pages.first
    except IndexError as error:
        tif.close()
        raise SlideFormatError(
            f"{path}: a TIFF in which no image is found, as after a writing or copying that was "
            "interrupted; write or copy it again"
        ) from error
    return tif


def sibling(path: Path, name: str, where: str) -> Path:
    """A file that another one names; it must lie beside it.

    A link that leads out of the folder is refused, too: a slide from elsewhere must not make this
    program read other files. Links are followed where the user keeps the whole slide behind them.

    Args:
        path: the file that names the other.
        name: as stored.
        where: in what it is named, for the message.

    Raises:
        SlideFormatError: it is no plain name, or a link that leads elsewhere.
    """
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0"):
        raise SlideFormatError(
            f"{path}: {where} names the file {name[:200]!r}, where the plain name of a file in the "
            "same folder is wanted"
        )
    found = path.parent / name
    folders = {path.parent.resolve(), path.resolve().parent}
    if found.is_symlink() and found.resolve().parent not in folders:
        raise SlideFormatError(
            f"{path}: {where} names {name[:200]!r}, a link that leads out of the folder; put the "
            "file itself there"
        )
    return found
