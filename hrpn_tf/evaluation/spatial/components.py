"""Connected components of a mask of any size: labelled by windows, joined across their borders."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components

from hrpn_tf.evaluation.planes import Plane
from hrpn_tf.slides import iter_windows
from hrpn_tf.slides.description import SlideDescription, WritablePlanes

WINDOW = 1024


@dataclass(frozen=True)
class LabelPlane:
    """Components that are kept, numbered from 1 in the order of their first window; 0 elsewhere.

    Attributes:
        store: provisional labels, on disk, one channel.
        lookup: (provisional labels + 1,) number of the component of each; 0: none.
    """

    store: WritablePlanes
    lookup: np.ndarray

    @property
    def height(self) -> int:
        """Rows, px."""
        return self.store.height

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.store.width

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self.lookup.dtype

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        window: np.ndarray = self.lookup[self.store.read(0, y, x, height, width)]
        return window


@dataclass(frozen=True)
class Components:
    """The components of a mask; arrays hold one value for each, number 1 first.

    Attributes:
        labels: which pixel belongs to which.
        area_px: pixels.
        y_px, x_px: centroids.
    """

    labels: LabelPlane
    area_px: np.ndarray
    y_px: np.ndarray
    x_px: np.ndarray

    def __len__(self) -> int:
        return len(self.area_px)

    def keep(self, kept: np.ndarray) -> "Components":
        """Only some of them: (components,) bool; the others become 0."""
        new = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)]).astype(np.int64)
        labels = LabelPlane(self.labels.store, new[self.labels.lookup])
        return Components(labels, self.area_px[kept], self.y_px[kept], self.x_px[kept])


def label_components(mask: Plane, scratch: Path, diagonal: bool) -> Components:
    """Label a mask in memory that does not depend on its size.

    Args:
        mask: of which pixels other than 0 are labelled.
        scratch: folder to make for the labels, which are kept there, compressed.
        diagonal: whether pixels that touch at a corner are connected.

    Pixels are the same whatever the windows; numbers follow the windows.
    """
    from hrpn_tf.slides.zarr.planes import ZarrPlanes

    labels_of = SlideDescription(
        mask.height, mask.width, ("labels",), np.dtype("uint32"), pixel_size_um=None, provenance={}
    )
    block = (WINDOW, WINDOW)
    store = ZarrPlanes.create(scratch, labels_of, block=block, chunk=block, version="0.5")
    sums = [np.zeros((1, 3))]
    joins: list[np.ndarray] = []
    for window, labels, count, joined in _label_windows(mask, diagonal):
        y, x, _, _ = window
        store.write(y, x, labels[..., None].astype(np.uint32))
        joins.append(joined)
        rows, columns = np.nonzero(labels)
        number = labels[rows, columns] - (labels[rows, columns].min() if count else 0)
        terms = (None, rows + y, columns + x)
        sums.append(
            np.stack([np.bincount(number, weights=t, minlength=count) for t in terms], axis=-1)
            if count
            else np.zeros((0, 3))
        )
    return _join(store, np.concatenate(sums), np.concatenate(joins))


def _label_windows(
    mask: Plane, diagonal: bool
) -> Iterator[tuple[tuple[int, int, int, int], np.ndarray, int, np.ndarray]]:
    """Each window, its provisional labels, how many are new, and pairs that are one component."""
    structure = np.ones((3, 3)) if diagonal else None
    total = 0
    above, current = np.zeros((2, mask.width), np.int64)
    left = np.zeros(0, np.int64)
    for y, x, height, width in iter_windows(mask.height, mask.width, WINDOW):
        if x == 0:
            above, current = current, np.zeros(mask.width, np.int64)
            left = np.zeros(height, np.int64)
        local, count = ndimage.label(mask.read(y, x, height, width) != 0, structure)
        labels = np.where(local > 0, local.astype(np.int64) + total, 0)
        total += count
        pairs = [_touching(labels[:, 0], left, 0, diagonal)]
        pairs.append(_touching(labels[0], above, x, diagonal))
        current[x : x + width], left = labels[-1], labels[:, -1].copy()
        yield (y, x, height, width), labels, count, np.concatenate(pairs)


def _touching(edge: np.ndarray, other: np.ndarray, start: int, diagonal: bool) -> np.ndarray:
    """Pairs of labels of an edge and of the line beside it, of which ``start`` is opposite."""
    found = []
    for shift in (-1, 0, 1) if diagonal else (0,):
        places = np.arange(len(edge)) + start + shift
        inside = (places >= 0) & (places < len(other))
        one, two = edge[inside], other[places[inside]]
        both = (one > 0) & (two > 0)
        found.append(np.unique(np.stack([one[both], two[both]], axis=-1), axis=0))
    return np.concatenate(found)


def _join(store: WritablePlanes, sums: np.ndarray, pairs: np.ndarray) -> Components:
    """Provisional labels that touch become one; label 0 stays by itself and comes first."""
    provisional = len(sums)
    graph = sparse.coo_array(
        (np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(provisional,) * 2
    )
    _, component = connected_components(graph, directed=False)
    _, first, lookup = np.unique(component, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))  # 0, which is label 0's, is first
    lookup = rank[lookup].astype(np.int64)
    n, y, x = (np.bincount(lookup, weights=column)[1:] for column in sums.T)
    return Components(LabelPlane(store, lookup), n, y / n, x / n)
