"""The metadata files of a Zarr folder, read without trusting them."""

import json
import stat
from pathlib import Path
from typing import Any

from hrpn_tf.errors import SlideFormatError

MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
_MAX_BYTES = 64 * 2**20


def is_zarr(path: Path) -> bool:
    """Whether a folder is an array or a group of Zarr v2 or v3."""
    return any((path / mark).exists() for mark in MARKS)


def group_attributes(folder: Path) -> tuple[int, dict[str, Any]]:
    """(Zarr format, attributes) of a group.

    Raises:
        SlideFormatError: it is no group, or its metadata is malformed.
    """
    if (folder / "zarr.json").exists():
        content = read_json(folder / "zarr.json")
        if content.get("zarr_format") != 3 or content.get("node_type") != "group":
            raise SlideFormatError(f"{folder}: is not a Zarr group; give the folder of the image")
        attributes = content.get("attributes", {})
        if not isinstance(attributes, dict):
            raise SlideFormatError(f"{folder}: malformed: its attributes are no object")
        return 3, attributes
    if not (folder / ".zgroup").exists():
        raise SlideFormatError(f"{folder}: is not a Zarr group; give the folder of the image")
    read_json(folder / ".zgroup")
    return 2, read_json(folder / ".zattrs") if (folder / ".zattrs").exists() else {}


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        SlideFormatError: the file is missing, no file, too large, or holds no JSON object.
    """
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise SlideFormatError(f"{file}: is not a file")
        if status.st_size > _MAX_BYTES:
            raise SlideFormatError(f"{file}: is of {status.st_size} bytes; that is absurd")
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise SlideFormatError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SlideFormatError(f"{file}: malformed JSON ({type(error).__name__})") from error
    if not isinstance(content, dict):
        raise SlideFormatError(f"{file}: malformed: holds no JSON object")
    return content
