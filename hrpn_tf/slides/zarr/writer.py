"""Write a slide as OME-Zarr 0.5 (Zarr v3, sharded) or 0.4 (Zarr v2)."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.files import atomic_path, remove, sync
from hrpn_tf.slides.description import Planes, SlideDescription, refuse_unstorable
from hrpn_tf.slides.pyramid import halve, pyramid_shapes
from hrpn_tf.slides.zarr.attributes import group_files
from hrpn_tf.slides.zarr.planes import ZarrPlanes

BLOCK = (2048, 2048)
CHUNK = (512, 512)


def write_ome_zarr(
    path: Path,
    full: Planes,
    description: SlideDescription,
    *,
    version: str = "0.5",
    overwrite: bool = False,
) -> None:
    """Write planes that are in memory or on disk as an OME-Zarr folder.

    Chunks of 512 px, in version 0.5 in shards of 2048 px; a pyramid of factor 2 by area mean down
    to about 1024 px. The same planes and description give the same bytes. Nothing appears at
    ``path`` before it is complete. Memory does not grow with the slide.

    Args:
        path: the folder to make, usually ``*.ome.zarr``.
        full: the pixels, of the description's size, channels and type.
        description: what the folder says of itself.
        version: "0.5", or "0.4" for programs that do not read 0.5 yet.
        overwrite: whether an existing folder may be replaced.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
        SlideFormatError: another type, no channel, or an empty plane.
        UsageError: the provenance cannot be stored.
        DiskFullError: the disk filled up.
    """
    path = Path(path)
    refuse_unstorable(path, description)
    with atomic_path(path, overwrite) as temporary:
        level = ZarrPlanes.create(
            temporary / "0", description, block=BLOCK, chunk=CHUNK, version=version
        )
        for y in range(0, full.height, BLOCK[0]):
            for x in range(0, full.width, BLOCK[1]):
                h, w = min(BLOCK[0], full.height - y), min(BLOCK[1], full.width - x)
                block = np.empty((h, w, full.channels), full.dtype)
                for channel in range(full.channels):
                    block[..., channel] = full.read(channel, y, x, h, w)
                level.write(y, x, block)
        name = path.name.removesuffix(".zarr").removesuffix(".ome")
        finish_ome_zarr(temporary, description, version, name=name)


def finish_ome_zarr(
    folder: Path,
    description: SlideDescription,
    version: str,
    *,
    name: str = "",
) -> None:
    """Make an OME-Zarr of a folder whose array "0" holds all pixels.

    Adds the smaller levels "1", "2", ..., in blocks and chunks like those of "0", and then the
    metadata. After an interruption, the same call resumes at the unfinished level, and the
    result is the same, byte by byte. What is done is on the disk when this returns.

    Args:
        folder: with the array "0" that :meth:`ZarrPlanes.create` made, completely written.
        description: of the slide, as given there.
        version: of OME-Zarr, as given there.
        name: of the image; none if it is empty.

    Raises:
        SlideNotFoundError: there is no array "0".
        SlideFormatError: it is of another size, type or version.
        OSError: the disk is full; finished parts stay, so that writing can be resumed.
    """
    full = ZarrPlanes.open(folder / "0")
    _refuse_other(folder, full, description, version)
    # where files are chunks, several are made at once; otherwise as many as share a file
    block = full.grid if version == "0.5" else _multiple(full.chunk)
    for left in list(folder.rglob("*.partial")):  # of processes that were killed while writing
        remove(left)
    level = full
    shapes = pyramid_shapes(description.height, description.width)
    for index, (height, width) in enumerate(shapes[1:], start=1):
        final = folder / str(index)
        if not final.exists():
            temporary = folder / f"{index}.partial"
            smaller = ZarrPlanes.create(
                temporary,
                replace(description, height=height, width=width),
                block=block,
                chunk=full.chunk,
                version=version,
            )
            halve(level, smaller, block)
            os.rename(temporary, final)
            sync(folder)
        level = ZarrPlanes.open(final)
    limits = [_limits(level, channel) for channel in range(level.channels)]
    for file, content in group_files(description, version, len(shapes), name, limits).items():
        _replace(folder / file, content)
    sync(folder)


def _refuse_other(
    folder: Path, full: ZarrPlanes, description: SlideDescription, version: str
) -> None:
    found = (full.version, full.dtype, full.channels, full.height, full.width)
    size = (len(description.channels), description.height, description.width)
    if found != (version, np.dtype(description.dtype), *size):
        raise SlideFormatError(f"{folder}: its array 0 is not that of the slide; make it anew")


def _multiple(chunk: tuple[int, int]) -> tuple[int, int]:
    return chunk[0] * max(1, BLOCK[0] // chunk[0]), chunk[1] * max(1, BLOCK[1] // chunk[1])


def _limits(level: ZarrPlanes, channel: int) -> tuple[float, float]:
    """Least and greatest grey level of the smallest level, a little apart at least."""
    plane = level.read(channel, 0, 0, level.height, level.width)
    low, high = plane.min().item(), plane.max().item()
    return low, max(high, low + 1)


def _replace(file: Path, content: bytes) -> None:
    temporary = file.with_name(f"{file.name}.partial")
    temporary.write_bytes(content)
    sync(temporary)
    os.replace(temporary, file)
