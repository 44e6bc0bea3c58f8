"""Outlines of areas: a refusal of tangled ones, and their crossings with rows of pixels."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from hrpn_tf.errors import MaskError

# Below these, the repair and the union of all outlines take a few seconds at most.
_MOST_CROSSINGS = 1000  # of outlines with themselves
_MOST_CROSSINGS_OF_TWO = 50_000
_MOST_PAIRS, _PAIRS_PER_EDGE = 2_000_000, 40  # of edges whose bounding boxes meet
_PAIRS_AT_ONCE = 500_000
_POLYGON = int(shapely.GeometryType.POLYGON)  # collections of any kind have larger numbers


def refuse_tangled(geometries: Sequence[Any], path: Path) -> None:
    """Refuse outlines with more crossings than a hand draws.

    Args:
        geometries: polygons, multipolygons or collections, of shapely.
        path: the file that holds them.

    Raises:
        MaskError: there are too many crossings, or too many edges close to each other.
    """
    edges, owner = _edges(geometries)
    found, allowed = np.zeros(3, np.int64), _MOST_PAIRS + _PAIRS_PER_EDGE * len(edges)
    for first, second in _pairs(edges):
        crossing = _cross(edges[first], edges[second])
        own = owner[first] == owner[second]
        found += len(first), int((crossing & own).sum()), int((crossing & ~own).sum())
        if (found > (allowed, _MOST_CROSSINGS, _MOST_CROSSINGS_OF_TWO)).any():
            raise MaskError(
                f"{path}: its outlines cross too often to tell inside from outside; draw simpler "
                "outlines, or simplify them in QuPath (Objects > Annotations > Simplify shape)"
            )


def _edges(geometries: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """(n, 4) x and y of both ends of each edge, and (n,) the number of its geometry."""
    parts, owner = np.asarray(geometries, object), np.arange(len(geometries))
    while len(parts) and (shapely.get_type_id(parts) > _POLYGON).any():  # collections
        parts, index = shapely.get_parts(parts, return_index=True)
        owner = owner[index]
    areas = shapely.get_type_id(parts) == _POLYGON
    parts, owner = parts[areas], owner[areas]
    rings, index = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    edges = np.hstack([points[:-1][same], points[1:][same]])
    return edges, owner[index][ring[:-1][same]]


def _pairs(edges: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Numbers of the edges whose bounding boxes meet, each pair once, piece by piece."""
    lines: Any = shapely.linestrings(edges.reshape(-1, 2, 2))
    tree = shapely.STRtree(lines)
    step = max(1, _PAIRS_AT_ONCE // max(1, len(edges)))
    for start in range(0, len(edges), step):
        first, second = tree.query(lines[start : start + step])
        once = second > first + start
        yield first[once] + start, second[once]


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether edges (n, 4) cross, end on each other, or lie on each other; common ends are none."""
    with np.errstate(all="ignore"):  # of absurd coordinates
        return _crossing(a, b)


def _crossing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    sides_a = _side(a, b[:, :2]) * _side(a, b[:, 2:])
    sides_b = _side(b, a[:, :2]) * _side(b, a[:, 2:])
    across = (sides_a <= 0) & (sides_b <= 0) & ((sides_a < 0) | (sides_b < 0))
    in_line = (_side(a, b[:, :2]) == 0) & (_side(a, b[:, 2:]) == 0)
    start = np.maximum(np.minimum(a[:, :2], a[:, 2:]), np.minimum(b[:, :2], b[:, 2:]))
    end = np.minimum(np.maximum(a[:, :2], a[:, 2:]), np.maximum(b[:, :2], b[:, 2:]))
    answer: np.ndarray = across | (in_line & (end > start).any(axis=1))
    return answer


def _side(edge: np.ndarray, point: np.ndarray) -> np.ndarray:
    """1, 0 or -1: on which side of the edges (n, 4) the points (n, 2) lie."""
    along, to = edge[:, 2:] - edge[:, :2], point - edge[:, :2]
    return np.sign(along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0])


def crossings(
    edges: np.ndarray, y: int, x: int, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where edges cross the rows of pixel centres of a window.

    They are computed in the coordinates of the slide, so that the result does not depend on the
    window.

    Args:
        edges: (4, n) x and y of the first and of the second end, px.
        y, x, height, width: the window.

    Returns:
        Number of the edge, row, and first column whose centre lies to the right, (m,) each; rows
        and columns are those of the window, and columns from 0 to ``width``.
    """
    x0, y0, x1, y1 = edges
    # rows that an edge crosses: their centres lie from its upper end on to above its lower end
    first = np.clip(np.ceil(np.minimum(y0, y1) - 0.5) - y, 0, height).astype(np.intp)
    end = np.clip(np.ceil(np.maximum(y0, y1) - 0.5) - y, 0, height).astype(np.intp)
    edge = np.repeat(np.arange(len(x0)), end - first)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(end - first) - end, end - first)
    slope = (x1[edge] - x0[edge]) / (y1[edge] - y0[edge])
    crossing = x0[edge] + (row + y + 0.5 - y0[edge]) * slope
    column = np.clip(np.ceil(crossing - 0.5) - x, 0, width).astype(np.intp)
    return edge, row, column
