"""What the attributes of an OME-Zarr group say: axes, levels, pixel size, position, channels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.accepted import labels_are_read
from hrpn_tf.slides.metadata import square_pixel, to_um

# UDUNITS-2 names that OME-Zarr asks for; `to_um` knows the short ones.
_UM = {
    "angstrom": 1e-4,
    "picometer": 1e-6,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "decimeter": 1e5,
    "meter": 1e6,
    "inch": 25_400.0,
    "foot": 304_800.0,
}
_MAX_LEVELS = 64
_AXES = (2, 5)  # least and largest number in an OME-Zarr
_MAX_CHANNELS = 1024  # more names than that are of no slide


@dataclass(frozen=True)
class Multiscale:
    """What a group says about its image.

    Attributes:
        version: of OME-Zarr, "0.4" or "0.5".
        axes: their names in the order of the arrays, e.g. ("c", "y", "x").
        paths: of the arrays below the group, the largest first.
        pixel_size_um: um per pixel of the largest; None where no unit of length is stated.
        position_um: (y, x) that the pixels are moved by, um; None where that is nothing.
        labels: names of the channels, "" where there is none; None if they are not named at all.
    """

    version: str
    axes: tuple[str, ...]
    paths: tuple[str, ...]
    pixel_size_um: float | None
    position_um: tuple[float, float] | None
    labels: tuple[str, ...] | None


def parse(folder: Path, zarr_format: int, attributes: Mapping[str, Any]) -> Multiscale:
    """Read a group's attributes.

    Raises:
        SlideFormatError: no image, several, another version, or malformed.
        PixelSizeError: pixels that are not square.
        Exception: whatever Python raises on attributes of another structure.
    """
    ome = attributes if zarr_format == 2 else attributes.get("ome", {})
    _refuse_no_image(folder, ome)
    multiscale = ome["multiscales"][0]
    version = _version(folder, zarr_format, ome, multiscale)
    axes = _axes(folder, multiscale["axes"])
    datasets: Sequence[Mapping[str, Any]] = multiscale["datasets"]
    if not 0 < len(datasets) <= _MAX_LEVELS:
        raise SlideFormatError(f"{folder}: malformed: {len(datasets)} levels")
    size, position = _placement(folder, multiscale)
    omero = ome.get("omero")
    return Multiscale(
        version=version,
        axes=axes,
        paths=tuple(_inner_path(folder, dataset["path"]) for dataset in datasets),
        pixel_size_um=size,
        position_um=position,
        labels=_labels(omero) if isinstance(omero, dict) else None,
    )


def _refuse_no_image(folder: Path, ome: Mapping[str, Any]) -> None:
    holds = {
        "plate": "holds a plate of many images; give the folder of one of them, e.g. A/1/0 in it",
        "well": "holds a well of many images; give the folder of one of them, e.g. 0 in it",
        "image-label": "holds a label image (a segmentation), whose numbers are no intensities",
    }
    for key, reason in holds.items():
        if key in ome and not (key == "image-label" and labels_are_read()):
            raise SlideFormatError(f"{folder}: {reason}")
    if not ome.get("multiscales"):
        reason = "holds labels only" if "labels" in ome else "holds no OME-Zarr image"
        raise SlideFormatError(f"{folder}: {reason}; give the folder of an image ('multiscales')")


def _version(
    folder: Path, zarr_format: int, ome: Mapping[str, Any], multiscale: Mapping[str, Any]
) -> str:
    stated = str((multiscale if zarr_format == 2 else ome).get("version", "not stated"))
    wanted = "0.4" if zarr_format == 2 else "0.5"
    # some writers mark their own additions, as in 0.4-dev-spatialdata; 0.4 need not be stated
    known = stated == wanted or stated.startswith(f"{wanted}-")
    if known or (zarr_format == 2 and stated == "not stated" and _dicts(multiscale.get("axes"))):
        return wanted
    raise SlideFormatError(
        f"{folder}: is OME-Zarr of version {stated[:40]!r} in Zarr v{zarr_format}; read are 0.4 in "
        "Zarr v2 and 0.5 in Zarr v3; convert it"
    )


def _dicts(axes: Any) -> bool:
    return isinstance(axes, list) and all(isinstance(axis, dict) for axis in axes)


def _axes(folder: Path, axes: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    if not _AXES[0] <= len(axes) <= _AXES[1]:
        raise SlideFormatError(
            f"{folder}: malformed: has axes for {len(axes)} dimensions, where an OME-Zarr has "
            f"{_AXES[0]} to {_AXES[1]}"
        )
    names = tuple(str(axis["name"]) for axis in axes)
    if len(set(names)) != len(names) or not {"y", "x"} <= set(names):
        found = ", ".join(names)[:80]
        raise SlideFormatError(f"{folder}: has axes {found}, where one y and one x are wanted")
    return names


def _inner_path(folder: Path, path: Any) -> str:
    """The path of a level, which must lie in the folder."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise SlideFormatError(f"{folder}: malformed: a level at {path[:80]!r}, not in the folder")
    return str(path)


def _placement(
    folder: Path, multiscale: Mapping[str, Any]
) -> tuple[float | None, tuple[float, float] | None]:
    """(pixel size, position), um, of the largest level.

    A translation is where the centre of the first pixel lies, and by default that is 0. A position
    is where its outer corner lies, and by default that is 0, too. So both are the same number: how
    far the pixels were moved from where they would lie in a slide of their own.
    """
    axes = multiscale["axes"]
    scale, shift = [1.0] * len(axes), [0.0] * len(axes)
    steps = multiscale["datasets"][0]["coordinateTransformations"]
    for step in [*steps, *(multiscale.get("coordinateTransformations") or [])]:
        if step["type"] == "scale":
            scale = [a * float(b) for a, b in zip(scale, step["scale"], strict=True)]
            shift = [a * float(b) for a, b in zip(shift, step["scale"], strict=True)]
        elif step["type"] == "translation":
            shift = [a + float(b) for a, b in zip(shift, step["translation"], strict=True)]
        elif step["type"] != "identity":
            return None, None  # a rotation or the like: what a pixel measures is not stated
    names = [axis["name"] for axis in axes]
    y, x = names.index("y"), names.index("x")
    units = [str(axes[axis].get("unit", "")) for axis in (y, x)]
    height, width = (_to_um(scale[axis], unit) for axis, unit in zip((y, x), units, strict=True))
    size = square_pixel(folder, width, height)
    if size is None or height is None or width is None:
        return None, None
    position = (shift[y] * height / scale[y], shift[x] * width / scale[x])
    stated = any(position) and all(map(math.isfinite, position))
    return size, position if stated else None


def _to_um(value: float, unit: str) -> float | None:
    return to_um(value * _UM[unit], "um") if unit in _UM else to_um(value, unit)


def _labels(omero: Mapping[str, Any]) -> tuple[str, ...] | None:
    channels = omero.get("channels")
    if not _dicts(channels) or len(channels or []) > _MAX_CHANNELS:
        return None
    return tuple(str(channel.get("label", "")).strip() for channel in channels or [])
