"""Pairs of a measured and a predicted value, of each kind that papers compare."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hrpn_tf.evaluation.spatial.measure import SlideMeasures
from hrpn_tf.evaluation.spatial.profile import FEWEST_PIXELS

# A sub-area is taken if so much of it counts, and its share of positive nuclei if it has so many.
LEAST_SHARE, FEWEST_NUCLEI, FEWEST_POSITIVE = 0.5, 5, 20


@dataclass(frozen=True)
class Kind:
    """A kind of pairs.

    Attributes:
        title: for tables and figures.
        unit: of the values.
        definition: what a pair is.
    """

    title: str
    unit: str
    definition: str


KINDS = {
    "pixels": Kind("pixels", "grey levels", "the target in each pixel that counts"),
    "distance_bins": Kind(
        "distance profile",
        "grey levels",
        "mean target in each bin of distance of each slide, bins with at least "
        f"{FEWEST_PIXELS} pixels",
    ),
    "penetration": Kind(
        "penetration depth (1/e)",
        "um",
        "distance at which the excess of a slide falls to 1/e of that at the vessel wall, each "
        "slide",
    ),
    "extravasation": Kind(
        "extravasation distance",
        "um",
        "mean distance of positive pixels outside vessels to the nearest vessel, each sub-area "
        f"with at least {FEWEST_POSITIVE} such pixels in both images",
    ),
    "sub_areas": Kind(
        "sub-areas",
        "grey levels",
        f"mean target of each sub-area of which at least {LEAST_SHARE:.0%} counts",
    ),
    "vessels": Kind(
        "perivascular intensity",
        "grey levels",
        "mean target in the surroundings of each vessel, nearer to it than to any other",
    ),
    "nuclei": Kind("nuclei", "grey levels", "mean target in each nucleus"),
    "positive_nuclei": Kind(
        "share of positive nuclei",
        "share",
        f"share of nuclei that are positive in each sub-area with at least {FEWEST_NUCLEI} nuclei",
    ),
    "regions": Kind("regions", "grey levels", "mean target of each region that was drawn"),
}


@dataclass(frozen=True)
class Pairs:
    """Pairs of one kind of one slide; arrays (n,).

    Attributes:
        true, pred: values.
        y_um, x_um: where they are; NaN for what has no place.
        label: what each is, "" where the place says it.
    """

    true: np.ndarray
    pred: np.ndarray
    y_um: np.ndarray
    x_um: np.ndarray
    label: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.true)


def slide_pairs(measures: SlideMeasures) -> dict[str, Pairs]:
    """The pairs of one slide by kind; the pixels, and what needs several slides, are left out."""
    makers: dict[str, Callable[[SlideMeasures], Pairs]] = {
        "distance_bins": _bins,
        "extravasation": _extravasation,
        "sub_areas": _sub_areas,
        "vessels": _vessels,
        "nuclei": _nuclei,
        "positive_nuclei": _positive_nuclei,
        "regions": _regions,
    }
    return {kind: make(measures) for kind, make in makers.items()}


def _bins(measures: SlideMeasures) -> Pairs:
    total = measures.by_distance.sum(axis=0)
    used = total[:, 0] >= FEWEST_PIXELS
    lower, upper = measures.bins.edges_um()
    names = [
        "vessel" if high == 0 else f"{low:g} to {high:g} um"
        for low, high in zip(lower, upper, strict=True)
    ]
    return _placeless(total[used], [n for n, u in zip(names, used, strict=True) if u])


def _extravasation(measures: SlideMeasures) -> Pairs:
    sums = measures.positive_by_cell
    used = (sums[:, 0] >= FEWEST_POSITIVE) & (sums[:, 2] >= FEWEST_POSITIVE)
    chosen = sums[used]
    y, x = _centres(measures, np.flatnonzero(used))
    return Pairs(chosen[:, 1] / chosen[:, 0], chosen[:, 3] / chosen[:, 2], y, x)


def _sub_areas(measures: SlideMeasures) -> Pairs:
    sums = measures.by_cell
    used = sums[:, 0] >= LEAST_SHARE * measures.cells.side_px**2
    y, x = _centres(measures, np.flatnonzero(used))
    return _means(sums[used], y, x)


def _vessels(measures: SlideMeasures) -> Pairs:
    used = measures.by_vessel[:, 0] > 0
    size, vessels = measures.slide.pixel_size_um, measures.slide.vessels
    return _means(
        measures.by_vessel[used],
        (vessels.y_px[used] + 0.5) * size,
        (vessels.x_px[used] + 0.5) * size,
    )


def _nuclei(measures: SlideMeasures) -> Pairs:
    found, size = measures.nuclei, measures.slide.pixel_size_um
    return Pairs(found.true, found.pred, (found.y_px + 0.5) * size, (found.x_px + 0.5) * size)


def _positive_nuclei(measures: SlideMeasures) -> Pairs:
    found, cells = measures.nuclei, measures.cells
    cell = cells.at(found.y_px + 0.5, found.x_px + 0.5)
    count = np.bincount(cell, minlength=len(cells))
    used = count >= FEWEST_NUCLEI
    y, x = _centres(measures, np.flatnonzero(used))
    true, pred = (
        np.bincount(cell, values > measures.slide.positive, len(cells))[used] / count[used]
        for values in (found.true, found.pred)
    )
    return Pairs(true, pred, y, x)


def _regions(measures: SlideMeasures) -> Pairs:
    seen = {name: sums for name, sums in measures.by_region.items() if sums[0] > 0}
    return _placeless(np.array(list(seen.values())).reshape(-1, 3), list(seen))


def _centres(measures: SlideMeasures, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres of sub-areas, um; of one that is cut short, that of the whole."""
    side = measures.cells.side_px * measures.slide.pixel_size_um
    row, column = np.divmod(cells, measures.cells.columns)
    return (row + 0.5) * side, (column + 0.5) * side


def _means(sums: np.ndarray, y_um: np.ndarray, x_um: np.ndarray) -> Pairs:
    return Pairs(sums[:, 1] / sums[:, 0], sums[:, 2] / sums[:, 0], y_um, x_um)


def _placeless(sums: np.ndarray, labels: Sequence[str]) -> Pairs:
    nowhere = np.full(len(sums), np.nan)
    return Pairs(sums[:, 1] / sums[:, 0], sums[:, 2] / sums[:, 0], nowhere, nowhere, tuple(labels))
