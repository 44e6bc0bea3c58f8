"""What an OME-Zarr group says of itself, for versions 0.4 and 0.5."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from hrpn_tf._version import __version__
from hrpn_tf.slides.description import SlideDescription

# The attribute that holds the provenance, beside those of OME.
OWN_ATTRIBUTE = "hrpn-tf"
_COLOURS = ("00FF00", "0000FF", "FF0000", "FF00FF", "00FFFF", "FFFF00")


def group_files(
    description: SlideDescription,
    version: str,
    levels: int,
    name: str,
    limits: Sequence[tuple[float, float]],
) -> dict[str, bytes]:
    """The metadata files of the group of a slide's levels, by their names.

    Args:
        description: of the slide.
        version: of OME-Zarr, "0.4" or "0.5".
        levels: number of arrays "0", "1", ..., each half of the one before.
        name: of the image; none if it is empty.
        limits: least and greatest grey level of each channel, to show it by.
    """
    multiscale = _multiscale(description, levels, name)
    omero = _omero(description, limits)
    own = {"version": __version__, "provenance": dict(description.provenance)}
    if version == "0.4":
        return {
            ".zgroup": _json({"zarr_format": 2}),
            ".zattrs": _json(
                {
                    "multiscales": [{"version": version, **multiscale}],
                    "omero": omero,
                    OWN_ATTRIBUTE: own,
                }
            ),
        }
    ome = {"version": version, "multiscales": [multiscale], "omero": omero}
    attributes = {"ome": ome, OWN_ATTRIBUTE: own}
    return {"zarr.json": _json({"zarr_format": 3, "node_type": "group", "attributes": attributes})}


def provenance(attributes: dict[str, Any]) -> dict[str, Any]:
    """The provenance among a group's attributes; empty if there is none."""
    own = attributes.get(OWN_ATTRIBUTE)
    found = own.get("provenance") if isinstance(own, dict) else None
    return found if isinstance(found, dict) else {}


def _multiscale(description: SlideDescription, levels: int, name: str) -> dict[str, Any]:
    unit = {} if description.pixel_size_um is None else {"unit": "micrometer"}
    return {
        **({"name": name} if name else {}),
        "axes": [
            {"name": "c", "type": "channel"},
            {"name": "y", "type": "space", **unit},
            {"name": "x", "type": "space", **unit},
        ],
        "datasets": [
            {
                "path": str(level),
                "coordinateTransformations": _transformations(description, 2**level),
            }
            for level in range(levels)
        ],
        "type": "mean",
    }


def _transformations(description: SlideDescription, factor: int) -> list[dict[str, Any]]:
    """Where the pixels of a level lie, in um, or in px of the full level without a pixel size.

    The first pixel of a level is the mean of the first ``factor`` x ``factor`` ones, so its centre
    lies that much further inside. Half a pixel of the full level is left out throughout: as in
    OME-Zarr without translation, a slide's first pixel has its centre at 0.
    """
    size = description.pixel_size_um or 1.0
    y, x = description.position_um or (0.0, 0.0)
    shift = (factor - 1) / 2 * size
    return [
        {"type": "scale", "scale": [1.0, size * factor, size * factor]},
        {"type": "translation", "translation": [0.0, y + shift, x + shift]},
    ]


def _omero(description: SlideDescription, limits: Sequence[tuple[float, float]]) -> dict[str, Any]:
    dtype = np.dtype(description.dtype)
    one = len(description.channels) == 1
    channels = []
    for index, (label, (low, high)) in enumerate(zip(description.channels, limits, strict=True)):
        least, most = (0, np.iinfo(dtype).max) if dtype.kind == "u" else (min(low, 0.0), high)
        colour, active = "FFFFFF" if one else _COLOURS[index % len(_COLOURS)], True
        if description.display is not None:
            own = description.display[index]
            colour, active, low, high = own.colour, own.visible, own.low, own.high
            least, most = min(least, low), max(most, high)
        channels.append(
            {
                "label": label,
                "color": colour,
                "active": active,
                "window": {"min": least, "max": most, "start": low, "end": high},
            }
        )
    return {"channels": channels, "rdefs": {"model": "greyscale" if one else "color"}}


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=2, allow_nan=False).encode("ascii")
