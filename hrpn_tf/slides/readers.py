"""The slide readers: one row of the table ``BUILT_IN`` each, and entry points of other packages.

``docs/developer/add-a-reader.md`` shows how to add a reader.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from hrpn_tf.slides import bioio_slide, brightfield
from hrpn_tf.slides.planes import SegmentCache
from hrpn_tf.slides.slide import Slide
from hrpn_tf.slides.tiff import ome_files
from hrpn_tf.slides.tiff.folder import FolderSlide
from hrpn_tf.slides.tiff.reader import TiffSlide
from hrpn_tf.slides.zarr.reader import OmeZarrSlide, is_ome_zarr

GROUP = "hrpn_tf.slide_readers"
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class SlideReader(Protocol):
    """Opens the slides of one format. A module with these three names is a reader, too."""

    @property
    def name(self) -> str:
        """The format in words."""
        ...

    def recognises(self, path: Path) -> bool:
        """Whether an existing path has this format, by its name and first bytes.

        This is called for every slide that is opened, so it must not decode anything.
        """
        ...

    def open(self, path: Path, cache_bytes: int) -> Slide:
        """Open a slide for which :meth:`recognises` returned true.

        Args:
            path: file or folder.
            cache_bytes: memory for decoded pieces that later windows may need, bytes.

        Raises:
            SlideFormatError: the slide is damaged, or of a variant that is not supported.
        """
        ...


@dataclass(frozen=True)
class BuiltIn:
    """A reader of this package; see :class:`SlideReader`."""

    name: str
    recognises: Callable[[Path], bool]
    open: Callable[[Path, int], Slide]


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a file; none of a folder.

    Raises:
        OSError: the file cannot be read.
    """
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(count)


def _is_tiff(path: Path) -> bool:
    return first_bytes(path, 4) in _TIFF_STARTS or ome_files.is_metadata_file(path)


# The first one that recognises a path opens it. A reader added to this package is a line here.
BUILT_IN: tuple[SlideReader, ...] = (
    BuiltIn("brightfield formats (refused)", brightfield.is_brightfield, brightfield.refuse),
    BuiltIn("OME-Zarr", is_ome_zarr, OmeZarrSlide),
    BuiltIn("TIFF", _is_tiff, lambda path, size: TiffSlide(path, SegmentCache(size))),
    BuiltIn("CZI, ND2 or LIF", bioio_slide.is_bioio, bioio_slide.BioioSlide),
    BuiltIn("a folder with one TIFF per channel", Path.is_dir, FolderSlide),
)


@cache
def added_readers() -> tuple[SlideReader, ...]:
    """The readers of other distributions, from the entry points ``hrpn_tf.slide_readers``.

    A reader that cannot be loaded is left out, with a warning.
    """
    found: list[SlideReader] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            reader = point.load()
            if not callable(reader.recognises) or not callable(reader.open):
                raise TypeError("recognises and open are no functions")
            str(reader.name)
        except Exception as error:  # noqa: BLE001 (other packages may raise anything)
            _warn(point.name, "cannot be loaded", error)
        else:
            found.append(reader)
    return tuple(found)


def candidates(path: Path) -> Iterator[tuple[SlideReader, bool]]:
    """The readers that recognise a path, and whether each is built in; others come first.

    Raises:
        OSError: the path cannot be read.
    """
    for reader in added_readers():
        try:
            recognised = bool(reader.recognises(path))
        except Exception as error:  # noqa: BLE001 (must not hide what is built in)
            _warn(str(reader.name), f"gave no answer for {path}", error)
        else:
            if recognised:
                yield reader, False
    for reader in BUILT_IN:
        if reader.recognises(path):
            yield reader, True


def warn_failed(reader: SlideReader, path: Path, error: Exception) -> None:
    """Warn that a reader of another package failed on a slide that it had recognised."""
    _warn(str(reader.name), f"failed on {path}", error)


def _warn(name: str, what: str, error: Exception) -> None:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    warnings.warn(f"the slide reader '{name}' {what} ({reason}); going on without it", stacklevel=1)
