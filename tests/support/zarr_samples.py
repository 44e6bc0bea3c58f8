"""OME-Zarr folders written by zarr-python alone, for the reader to read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

VERSIONS = ("0.4", "0.5")
SPACE = {"c": "channel", "z": "space", "y": "space", "x": "space", "t": "time"}


def axis(name: str, unit: str | None) -> dict[str, str]:
    stated = {"unit": unit} if unit and SPACE[name] == "space" else {}
    return {"name": name, "type": SPACE[name], **stated}


def image_attributes(
    version: str,
    levels: Sequence[np.ndarray],
    axes: str,
    *,
    unit: str | None = "micrometer",
    scale: float = 0.5,
    labels: Sequence[Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Attributes of a group with levels "0", "1", ..., as the specification has them."""
    sizes = [
        {"type": "scale", "scale": [scale * 2**k if a in "yx" else 1.0 for a in axes]}
        for k in range(len(levels))
    ]
    multiscale = {
        "axes": [axis(name, unit) for name in axes],
        "datasets": [
            {"path": str(k), "coordinateTransformations": [size]} for k, size in enumerate(sizes)
        ],
    } | more
    omero = {} if labels is None else {"omero": {"channels": [{"label": n} for n in labels]}}
    if version == "0.4":
        return {"multiscales": [{"version": version} | multiscale], **omero}
    return {"ome": {"version": version, "multiscales": [multiscale], **omero}}


def save_group(folder: Path, version: str, attributes: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if version == "0.4":
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps(attributes))
        return
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (folder / "zarr.json").write_text(json.dumps(group))


def save_array(folder: Path, version: str, pixels: np.ndarray, **options: Any) -> zarr.Array:
    defaults: dict[str, Any] = {"chunks": tuple(min(16, side) for side in pixels.shape)}
    if version == "0.4":
        defaults["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
    array = zarr.create_array(
        str(folder),
        shape=pixels.shape,
        dtype=pixels.dtype,
        zarr_format=2 if version == "0.4" else 3,
        **(defaults | options),
    )
    array[...] = pixels
    return array


def save_image(
    folder: Path,
    version: str,
    pixels: np.ndarray,
    axes: str = "cyx",
    *,
    array: dict[str, Any] | None = None,
    **attributes: Any,
) -> None:
    """An image of one level, of these axes."""
    save_group(folder, version, image_attributes(version, [pixels], axes, **attributes))
    save_array(folder / "0", version, pixels, **(array or {}))


def edit(file: Path, change: dict[str, Any]) -> None:
    """Replace some keys of a JSON file."""
    file.write_text(
        json.dumps(json.loads(file.read_text(encoding="utf-8")) | change), encoding="utf-8"
    )


def noise(*shape: int, dtype: str = "uint16") -> np.ndarray:
    """Pixels without a 0."""
    return (np.random.default_rng(0).random(shape) * 120 + 1).astype(dtype)


def array_file(path: Path, version: str) -> Path:
    """The metadata of the first level."""
    return path / "0" / (".zarray" if version == "0.4" else "zarr.json")
