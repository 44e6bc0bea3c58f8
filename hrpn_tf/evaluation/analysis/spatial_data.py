"""Writes the analysis of a slide as a SpatialData object, as squidpy and napari-spatialdata read.

The layout is that of https://spatialdata.scverse.org (Marconato et al., Nature Methods 2024,
doi:10.1038/s41592-024-02212-x). The package is imported when it is used, since it takes seconds.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.analysis.measures import SlideAnalysis
from hrpn_tf.evaluation.analysis.objects import Table, nucleus_table, vessel_table
from hrpn_tf.evaluation.planes import Plane
from hrpn_tf.extras import install_line
from hrpn_tf.text import printable

CHUNK = 1024  # px
_TEXTS = ("slide", "group", "condition")
_PLACE = ("x_um", "y_um")


def require_spatialdata() -> None:
    """Refuse if the package is not installed.

    Raises:
        UsageError: it is not, or cannot be imported.
    """
    try:
        with _quiet():
            import spatialdata  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"--spatialdata: spatialdata is not installed ({printable(error, 80)}); type: "
            f"{install_line('spatialdata')}"
        ) from None


def write_spatialdata(
    slide: SlideAnalysis,
    images: Mapping[str, Mapping[str, Plane]],
    path: Path,
    about: Mapping[str, Any],
) -> None:
    """Write a slide: images and labels as pyramids, nuclei as circles, and annotated tables.

    All elements lie in the coordinate system ``global``, um, with the origin at the outer corner
    of the first pixel. Images are read in blocks of ``CHUNK``.

    Args:
        slide: the measures, whose vessel labels are still open.
        images: planes of the slide's size by name of the image and of the channel.
        path: of the store to create.
        about: plain values, kept in ``attrs["hrpn_tf"]``.

    Example:
        >>> import spatialdata  # doctest: +SKIP
        >>> spatialdata.read_zarr("analysis/spatialdata/a1.zarr")["vessel_table"]  # doctest: +SKIP
    """
    with _quiet():
        from spatialdata import SpatialData
        from spatialdata.models import Image2DModel, Labels2DModel
        from spatialdata.transformations import Scale

        size = slide.measures.slide.pixel_size_um
        labels = slide.measures.slide.vessels.labels
        options: dict[str, Any] = {
            "transformations": {"global": Scale([size, size], axes=("y", "x"))},
            "scale_factors": _halvings(labels.height, labels.width),
        }
        SpatialData(
            images={
                name: Image2DModel.parse(
                    _stacked(list(planes.values())), dims=("c", "y", "x"),
                    c_coords=[printable(channel) for channel in planes], **options,
                )
                for name, planes in images.items()
            },
            labels={
                "vessels": Labels2DModel.parse(
                    _lazy(labels).astype(np.int32), dims=("y", "x"), **options
                )
            },
            shapes=_circles(slide),
            tables=_tables(slide),
            attrs={"hrpn_tf": dict(about)},
        ).write(path)  # fmt: skip


def _tables(slide: SlideAnalysis) -> dict[str, Any]:
    vessels, nuclei = vessel_table(slide), nucleus_table(slide)
    found = {"vessel_table": _annotated(vessels, "vessels", "vessel")}
    if len(nuclei["nucleus"]):
        found["nucleus_table"] = _annotated(nuclei, "nuclei", "nucleus")
    return found


def _circles(slide: SlideAnalysis) -> dict[str, Any]:
    """Nuclei as circles of their area; a watershed by windows leaves no image of all labels."""
    import geopandas
    import shapely
    from spatialdata.models import ShapesModel
    from spatialdata.transformations import Identity

    table = nucleus_table(slide)
    if not len(table["nucleus"]):
        return {}
    frame = geopandas.GeoDataFrame(
        {"radius": np.sqrt(table["area_um2"] / np.pi)},
        geometry=shapely.points(table["x_um"], table["y_um"]),
        index=table["nucleus"],
    )
    return {"nuclei": ShapesModel.parse(frame, transformations={"global": Identity()})}


def _annotated(table: Table, element: str, key: str) -> Any:
    """A table of which each row is about one object of an element.

    Numbers are the matrix, texts and truth values are columns of ``obs``, and centroids are
    ``obsm["spatial"]``, um, where squidpy looks for them.
    """
    import pandas
    from anndata import AnnData
    from spatialdata.models import TableModel

    number = [n for n, c in table.items() if c.dtype.kind in "fiu" and n not in (key, *_PLACE)]
    rows = [str(value) for value in table[key]]
    obs = pandas.DataFrame({"region": element, key: table[key].astype(np.int64)}, index=rows)
    obs["region"] = obs["region"].astype("category")
    for name in table:
        if name in _TEXTS:
            obs[name] = pandas.Categorical([printable(value) for value in table[name]])
        elif table[name].dtype.kind == "b":
            obs[name] = table[name]
    adata = AnnData(
        np.stack([table[name].astype(np.float64) for name in number], axis=1),
        obs=obs,
        var=pandas.DataFrame(index=number),
        obsm={"spatial": np.stack([table[name] for name in _PLACE], axis=1)},
    )
    return TableModel.parse(adata, region=element, region_key="region", instance_key=key)


def _halvings(height: int, width: int) -> list[int]:
    """Factors of a pyramid whose last level fits into one block."""
    return [2] * max(0, int(np.ceil(np.log2(max(height, width) / CHUNK))))


def _stacked(planes: Sequence[Plane]) -> Any:
    import dask.array

    return dask.array.stack([_lazy(plane) for plane in planes])


def _lazy(plane: Plane) -> Any:
    import dask.array

    # a lock, since not every reader may be used by several threads
    return dask.array.from_array(_Sliced(plane), chunks=(CHUNK, CHUNK), lock=True)


@dataclass(frozen=True)
class _Sliced:
    """A plane as Dask reads it."""

    plane: Plane

    ndim = 2

    @property
    def shape(self) -> tuple[int, int]:
        return self.plane.height, self.plane.width

    @property
    def dtype(self) -> np.dtype:
        return self.plane.dtype

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        (top, bottom, _), (left, right, _) = (
            part.indices(length) for part, length in zip(key, self.shape, strict=True)
        )
        if bottom <= top or right <= left:  # Dask asks for the type with an empty window
            return np.zeros((max(bottom - top, 0), max(right - left, 0)), self.dtype)
        return self.plane.read(top, left, bottom - top, right - left)


@contextmanager
def _quiet() -> Any:
    """Without remarks of these packages on each other's versions."""
    logger = logging.getLogger("spatialdata")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
