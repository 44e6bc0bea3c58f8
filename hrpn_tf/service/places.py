"""Paths that a service reads, and names that clients give to files."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hrpn_tf.errors import ForbiddenPathError, JobRequestError, SlideNotFoundError
from hrpn_tf.kinds import LISTS
from hrpn_tf.text import printable

# Single files with all that belongs to a slide; OME-Zarr is a folder, and comes by path.
UPLOADS = (".tif", ".tiff", ".qptiff", ".btf", ".czi", ".nd2", ".lif")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
# In OME-XML: the file of a plane, and the companion that describes a file.
_NAMES = re.compile(rb'(?:FileName|MetadataFile)="([^"/\\\x00]{1,255})"')
_COMPANION = ".companion.ome"
_LOOKED, _MOST_FILES = 4 * 2**20, 10_000  # bytes at either end of a file
_LONGEST = 100
_SHOWN = 200


def safe_file_name(name: str) -> str:
    """The name of an upload, as the name of a file here.

    Raises:
        JobRequestError: by its suffix it is no slide in one file.

    Example:
        >>> safe_file_name("../mouse 1.ome.tif"), safe_file_name(".tif")
        ('mouse-1.ome.tif', 'slide.tif')
    """
    last = re.split(r"[/\\]", name)[-1]
    base, dot, suffix = last.rpartition(".")
    if f".{suffix.lower()}" not in UPLOADS or not dot:
        raise JobRequestError(
            f"{printable(name, _SHOWN)!r} does not end like a slide in one file: "
            f"{', '.join(UPLOADS)}; an OME-Zarr is named by its path on the server"
        )
    stem = _UNSAFE.sub("-", base).strip(".-")[:_LONGEST].rstrip(".-")
    return f"{stem or 'slide'}.{suffix.lower()}"


def allowed_path(text: str, allow: Sequence[Path]) -> Path:
    """A path within one of the allowed folders, with all links followed.

    The error does not reveal whether the path exists.

    Args:
        text: as the client gave it.
        allow: resolved folders.

    Raises:
        ForbiddenPathError: it leads out of them, or there are none.
        SlideNotFoundError: there is nothing.
        JobRequestError: it is a slide list, which names other files.
    """
    shown = printable(text, _SHOWN)
    if not allow:
        raise ForbiddenPathError(
            f"{shown}: this service reads no folders (it was started without --allow); upload the "
            "slide instead"
        )
    try:
        path = Path(os.path.realpath(text))
    except (OSError, ValueError):
        raise ForbiddenPathError(f"{shown}: not a path") from None
    if not Path(text).is_absolute() or not is_within(path, allow):
        raise ForbiddenPathError(
            f"{shown}: not an absolute path within a folder that this service may read; upload the "
            "slide instead"
        )
    if path.suffix.lower() in LISTS:
        raise JobRequestError(f"{shown}: a slide list; name one slide")
    if not path.exists():
        raise SlideNotFoundError(f"{shown}: no such file or folder")
    return path


def is_within(path: Path, folders: Sequence[Path]) -> bool:
    """Whether a resolved path lies in one of the folders."""
    return any(path.is_relative_to(folder) for folder in folders)


def files_of(path: Path) -> list[Path]:
    """The files beside a slide that its OME-XML names, and the slide itself, sorted.

    Nothing is opened as an image: the names are looked for in the bytes where writers put OME-XML,
    and in a companion file.
    """
    found, left = {path}, [] if path.is_dir() else [path]
    while left:
        for name in _named(left.pop()):
            beside = path.with_name(os.fsdecode(name))
            if beside not in found and beside.is_file() and len(found) < _MOST_FILES:
                found.add(beside)
                left += [beside] if beside.name.endswith(_COMPANION) else []
    return sorted(found)


def _named(path: Path) -> Iterator[bytes]:
    """Names of files in the first and the last bytes of a file."""
    with path.open("rb") as file:
        for place in {0, max(path.stat().st_size - _LOOKED, 0)}:
            file.seek(place)
            yield from _NAMES.findall(file.read(_LOOKED))
