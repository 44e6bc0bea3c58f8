"""The provenance that this package stores in the slides that it writes."""

from pathlib import Path
from typing import Any

from hrpn_tf.errors import SlideNotFoundError
from hrpn_tf.slides.malformed import as_named_error
from hrpn_tf.slides.tiff import ome_xml as ome
from hrpn_tf.slides.tiff.opening import open_tiff
from hrpn_tf.slides.zarr import attributes as ome_zarr_attributes
from hrpn_tf.slides.zarr.metadata_files import group_attributes, is_zarr


def read_provenance(path: Path) -> dict[str, Any]:
    """The provenance stored in an OME-TIFF or OME-Zarr; empty if this package did not write it.

    Args:
        path: file or folder.

    Raises:
        SlideNotFoundError: the path does not exist.
        SlideFormatError: the path is neither a TIFF nor an OME-Zarr, or it is damaged.
    """
    path = Path(path)
    if path.is_dir():
        return ome_zarr_attributes.provenance(group_attributes(path)[1]) if is_zarr(path) else {}
    if not path.is_file():
        raise SlideNotFoundError(f"{path}: no such slide")
    with as_named_error(path, "a TIFF"), open_tiff(path) as tif:
        if not tif.is_ome:
            return {}
        return ome.provenance(ome.parse(tif.pages.first.description, path))
