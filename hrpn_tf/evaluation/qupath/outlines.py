"""Outlines of labelled pixels as polygons with holes, window by window."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from hrpn_tf.evaluation.planes import Plane
from hrpn_tf.slides import iter_windows

TOLERANCE = 0.75  # px; the steps of a diagonal, 0.71 px, become a line
SMALL = 16.0  # px; of smaller areas every step counts
WINDOW = 1024


def outlines_of(labels: np.ndarray, y: int = 0, x: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The areas of each label, along the edges of its pixels.

    A pixel in row r and column c covers y from r to r + 1 and x from c to c + 1, as in QuPath.

    Args:
        labels: (height, width) integers, 0 for none.
        y, x: of the first pixel, px.

    Returns:
        (n,) polygons of shapely, holes kept, and (n,) the label of each. Pixels of a label that
        touch at a corner alone are polygons of their own.

    Example:
        >>> polygons, numbers = outlines_of(np.array([[1, 1, 0], [1, 1, 2]]))
        >>> shapely.area(polygons).tolist(), numbers.tolist()
        ([4.0, 1.0], [1, 2])
    """
    edges = _edges(labels)
    if not len(edges):
        return np.zeros(0, object), np.zeros(0, np.int64)
    lines: Any = shapely.linestrings(edges)
    faces = shapely.get_parts(shapely.polygonize(lines))
    inside = shapely.get_coordinates(shapely.point_on_surface(faces))
    columns, rows = np.floor(inside).astype(np.intp).T
    numbers = labels[rows, columns].astype(np.int64)
    faces, numbers = faces[numbers > 0], numbers[numbers > 0]
    order = np.argsort(numbers, kind="stable")
    return shapely.transform(faces[order], lambda points: points + np.array([x, y])), numbers[order]


def outlines_by_label(
    labels: Plane, count: int, progress: Any = None
) -> Iterator[tuple[int, np.ndarray]]:
    """The pieces of the outline of each label of a plane, in the order of the labels.

    Memory grows with the length of all outlines, not with the plane.

    Args:
        labels: numbers from 1 to ``count``, 0 for none.
        count: of the labels.
        progress: is called with the pixels of each window.
    """
    pieces: list[list[Any]] = [[] for _ in range(count)]
    for y, x, height, width in iter_windows(labels.height, labels.width, WINDOW):
        polygons, numbers = outlines_of(labels.read(y, x, height, width), y, x)
        for polygon, number in zip(polygons, numbers.tolist(), strict=True):
            pieces[number - 1].append(polygon)
        if progress is not None:
            progress(height * width)
    for index, found in enumerate(pieces):
        yield index + 1, np.array(found, object)
        pieces[index] = []


def merged(pieces: Sequence[Any] | np.ndarray) -> Any:
    """Pieces of one area as a polygon, or as several that do not touch along an edge."""
    return pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)


def simplified(geometries: np.ndarray) -> np.ndarray:
    """Outlines with fewer corners, none of them moved by more than ``TOLERANCE``.

    Small areas, and those that simplifying would break, keep every step of their pixels.
    Douglas and Peucker (1973), Cartographica 10:112.

    Args:
        geometries: (n,) polygons or multipolygons of shapely.
    """
    parts, owner = shapely.get_parts(geometries, return_index=True)
    simple = _simple(parts)
    found = _assembled(simple, owner)
    broken = ~shapely.is_valid(found)
    if broken.any():  # parts that touched at a corner now cross
        one, other = shapely.STRtree(parts).query(parts, predicate="intersects")
        touching = np.unique(one[one != other])
        touching = touching[broken[owner[touching]]]
        simple[touching] = parts[touching]
        found = _assembled(simple, owner)
        broken = ~shapely.is_valid(found)
    return np.where(broken, geometries, found)


def _simple(polygons: np.ndarray) -> np.ndarray:
    simple = shapely.simplify(polygons, TOLERANCE, preserve_topology=False)
    kept = shapely.is_valid(simple) & (shapely.area(polygons) > SMALL)
    kept &= (shapely.get_type_id(simple) == shapely.GeometryType.POLYGON) & (
        shapely.get_num_interior_rings(simple) == shapely.get_num_interior_rings(polygons)
    )
    found: np.ndarray = np.where(kept, simple, polygons)
    return found


def _assembled(polygons: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """(n,) geometries of their parts; ``owner`` rises from 0 without gaps."""
    counts = np.bincount(owner)
    found: Any = shapely.multipolygons(polygons, indices=owner)
    alone = counts == 1
    found[alone] = polygons[(np.cumsum(counts) - 1)[alone]]
    whole: np.ndarray = found
    return whole


class Spool:
    """Geometries on disk, to be read once in the order in which they were added.

    Args:
        path: file to create.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sizes: list[np.ndarray] = []
        path.touch()

    def __len__(self) -> int:
        return sum(map(len, self._sizes))

    def add(self, geometries: np.ndarray) -> None:
        """Append (n,) geometries."""
        parts = [] if not len(geometries) else list(shapely.to_wkb(geometries))
        self._sizes.append(np.array([len(part) for part in parts], np.uint32))
        with self._path.open("ab") as file:
            file.writelines(parts)

    def __iter__(self) -> Iterator[Any]:
        with self._path.open("rb") as file:
            for sizes in self._sizes:
                for size in sizes.tolist():
                    yield shapely.from_wkb(file.read(size))


def _edges(labels: np.ndarray) -> np.ndarray:
    """(n, 2, 2) x and y of the ends of the lines between labels; lines end where others join."""
    height, width = labels.shape
    padded = np.zeros((height + 2, width + 2), labels.dtype)
    padded[1:-1, 1:-1] = labels
    across = padded[:-1, 1:-1] != padded[1:, 1:-1]  # (height + 1, width): above each pixel
    down = padded[1:-1, :-1] != padded[1:-1, 1:]  # (height, width + 1): left of each pixel
    rows, starts, ends = _runs(across, down)
    columns, tops, bottoms = _runs(down.T, across.T)
    flat = np.stack([starts, rows, ends, rows], axis=-1)
    upright = np.stack([columns, tops, columns, bottoms], axis=-1)
    return np.concatenate([flat, upright]).reshape(-1, 2, 2).astype(np.float64)


def _runs(edges: np.ndarray, crossing: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, start and end of the runs of True along rows, cut where an edge joins them.

    Args:
        edges: (n + 1, m) bool.
        crossing: (n, m + 1) bool: edges at right angles, from row to row.
    """
    corner = np.zeros((edges.shape[0], edges.shape[1] + 1), bool)  # whether one ends or begins
    corner[:-1] |= crossing
    corner[1:] |= crossing
    before = np.zeros_like(edges)
    before[:, 1:] = edges[:, :-1]
    after = np.zeros_like(edges)
    after[:, :-1] = edges[:, 1:]
    rows, starts = np.nonzero(edges & (~before | corner[:, :-1]))
    _, ends = np.nonzero(edges & (~after | corner[:, 1:]))
    return rows, starts, ends + 1
