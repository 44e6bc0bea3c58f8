"""Slides in a single TIFF file: OME-TIFF, ImageJ hyperstacks, and plain TIFF with channels."""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides import levels, metadata
from hrpn_tf.slides.accepted import read_dtype, refuse_unequal
from hrpn_tf.slides.levels import Levels
from hrpn_tf.slides.planes import SegmentCache, StoredPlane
from hrpn_tf.slides.slide import SlideInfo
from hrpn_tf.slides.tiff import layout, micromanager, ome_image

# What tifffile may take a file for. It changes the pixels of some others, and of some it takes
# pages from files beside it.
_KINDS = {
    "fluoview",
    "generic",
    "imagej",
    "lsm",
    "nih",
    "ome",
    "scanimage",
    "shaped",
    "sis",
    "stk",
    "uniform",
}


def describe(
    tif: Any, root: Element | None, path: Path, cache: SegmentCache
) -> tuple[SlideInfo, Levels]:
    """What the slide is, and its planes by level and channel.

    Args:
        tif: an open tifffile.TiffFile.
        root: of its OME-XML, if it has any; names no other files.
        path: its path.
        cache: for strips and tiles.
    """
    micromanager.refuse_parts(tif, path)
    series = layout.main_series(tif.series, path)
    if series.kind not in _KINDS:
        raise SlideFormatError(
            f"{path}: is a TIFF of the kind '{series.kind}', which is not supported; save it as "
            "OME-TIFF"
        )
    height, width, count, _ = layout.dimensions(series, path)
    page = series.keyframe
    dtype = read_dtype(page, path)
    found = None if root is None else ome_image.find(root, height, width)
    names = _channel_names(tif, found, count)
    named = (found is not None and names is not None) or _imagej_names_samples(tif, page)
    layout.refuse_rgb(page, named, path)
    info = levels.describe(
        path,
        planes := _levels(tif, series, count, path, cache),
        channels=names,
        dtype=dtype,
        pixel_size_um=_pixel_size(tif, root is not None, found, page, path),
        position_um=None if found is None else ome_image.position(found),
        format="OME-TIFF" if root is not None else "ImageJ TIFF" if tif.is_imagej else "TIFF",
        stack=layout.stack_size(series),
    )
    return info, planes


def _levels(tif: Any, series: Any, count: int, path: Path, cache: SegmentCache) -> Levels:
    found: list[tuple[StoredPlane, ...]] = []
    for level in series.levels:
        if found and not _is_level(series, level):
            continue  # a label or an overview
        planes = layout.level_planes(level, path, tif.filehandle.fileno(), cache)
        if len(planes) != count:
            continue
        refuse_unequal(planes, path)
        layout.refuse_truncated(planes, tif.filehandle.size, path)
        found.append(planes)
    return tuple(found)


def _is_level(series: Any, level: Any) -> bool:
    """Whether what tifffile takes for a smaller level holds the same, only smaller."""
    if (level.axes, level.dtype) != (series.axes, series.dtype):
        return False
    if layout.stack_size(level) != layout.stack_size(series):
        return False
    if level.keyframe.photometric != series.keyframe.photometric:
        return False
    full, smaller = (
        tuple(dict(zip(one.axes, one.shape, strict=True))[axis] for axis in "YX")
        for one in (series, level)
    )
    return levels.reduces(full, smaller)


def _imagej_names_samples(tif: Any, page: Any) -> bool:
    """Whether ImageJ's metadata say that the samples are channels; its RGB is of 8 bits."""
    if not tif.is_imagej or page.bitspersample == 8:
        return False
    return bool((tif.imagej_metadata or {}).get("channels") == page.samplesperpixel > 1)


def _channel_names(
    tif: Any, found: ome_image.OmeImage | None, count: int
) -> tuple[str, ...] | None:
    if found is not None:
        return ome_image.channel_names(found, count)
    if tif.is_imagej:
        return metadata.imagej_labels(tif.imagej_metadata or {}, count)
    return None


def _pixel_size(
    tif: Any, is_ome: bool, found: ome_image.OmeImage | None, page: Any, path: Path
) -> float | None:
    if is_ome:
        return None if found is None else ome_image.pixel_size(found, path)
    if tif.is_imagej:
        return metadata.imagej_pixel_size(path, tif.imagej_metadata or {}, page.tags)
    return metadata.tag_pixel_size(path, page.tags)
