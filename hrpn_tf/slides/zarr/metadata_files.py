"""The metadata files of a Zarr folder, read without trusting them."""

from pathlib import Path
from typing import Any

from hrpn_tf import untrusted
from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.zarr.links import Inside

MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")


def is_zarr(path: Path) -> bool:
    """Whether a folder is an array or a group of Zarr v2 or v3."""
    return any((path / mark).exists() for mark in MARKS)


def group_attributes(folder: Path, inside: Inside | None = None) -> tuple[int, dict[str, Any]]:
    """(Zarr format, attributes) of a group.

    Args:
        folder: of the group.
        inside: the folder that no link may lead out of; by default that of the group.

    Raises:
        SlideFormatError: it is no group, its metadata is malformed, or a link leads elsewhere.
    """
    inside = inside or Inside(folder)
    if (folder / "zarr.json").exists():
        content = read_json(folder / "zarr.json", inside)
        if content.get("zarr_format") != 3 or content.get("node_type") != "group":
            raise SlideFormatError(f"{folder}: is not a Zarr group; give the folder of the image")
        attributes = content.get("attributes", {})
        if not isinstance(attributes, dict):
            raise SlideFormatError(f"{folder}: malformed: its attributes are no object")
        return 3, attributes
    if not (folder / ".zgroup").exists():
        raise SlideFormatError(f"{folder}: is not a Zarr group; give the folder of the image")
    read_json(folder / ".zgroup", inside)
    return 2, read_json(folder / ".zattrs", inside) if (folder / ".zattrs").exists() else {}


def read_json(file: Path, inside: Inside) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        file: of the metadata.
        inside: the folder that no link may lead out of.

    Raises:
        SlideFormatError: the file is missing, no file, too large, holds no JSON object, or a link
            leads out of the folder.
    """
    inside.check(file)
    content = untrusted.read_json(file, SlideFormatError)
    if not isinstance(content, dict):
        raise SlideFormatError(f"{file}: malformed: holds no JSON object")
    return content
