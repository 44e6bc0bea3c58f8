"""Scanner formats for brightfield slides: known, so that they can be refused with a reason."""

from pathlib import Path
from typing import Any, NoReturn

from hrpn_tf.errors import RgbSlideError

_BY_SUFFIX = {
    ".svs": "an Aperio SVS",
    ".svslide": "an Aperio SVS",
    ".ndpi": "a Hamamatsu NDPI",
    ".ndpis": "a Hamamatsu NDPI",
    ".vms": "a Hamamatsu VMS",
    ".mrxs": "a MIRAX (MRXS)",
    ".bif": "a Ventana BIF",
    ".scn": "a Leica SCN",
}
# in the words of tifffile's flags
_BY_FLAG = {
    "is_svs": "an Aperio SVS",
    "is_ndpi": "a Hamamatsu NDPI",
    "is_bif": "a Ventana BIF",
    "is_scn": "a Leica SCN",
    "is_philips": "a Philips TIFF",
}


def is_brightfield(path: Path) -> bool:
    """Whether a file is of a brightfield format, by its name."""
    return path.suffix.lower() in _BY_SUFFIX and path.is_file()


def refuse(path: Path, cache_bytes: int = 0) -> NoReturn:
    """Refuse a file that :func:`is_brightfield`.

    Raises:
        RgbSlideError: always.
    """
    raise _error(path, _BY_SUFFIX[path.suffix.lower()])


def refuse_tiff(tif: Any, path: Path) -> None:
    """Refuse an open tifffile.TiffFile that a brightfield scanner wrote, whatever its name.

    Raises:
        RgbSlideError: it is such a one.
    """
    for flag, what in _BY_FLAG.items():
        if getattr(tif, flag):
            raise _error(path, what)


def _error(path: Path, what: str) -> RgbSlideError:
    return RgbSlideError(
        f"{path}: is {what} slide, a brightfield format that holds RGB pictures, where separate "
        "fluorescence channels are wanted; export those from the scanner's software, one plane "
        "each (OME-TIFF, or a folder with one TIFF per channel)"
    )
