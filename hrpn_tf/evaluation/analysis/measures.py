"""The measures of a slide, each with its interval over the blocks of the slide."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hrpn_tf.config.spatial import SpatialConfig
from hrpn_tf.evaluation.analysis.heterogeneity import (
    HotSpots,
    Moran,
    hot_spots,
    moran,
    neighbours,
)
from hrpn_tf.evaluation.spatial.intensity import Extremes
from hrpn_tf.evaluation.spatial.measure import SlideMeasures
from hrpn_tf.evaluation.spatial.pairs import LEAST_SHARE
from hrpn_tf.evaluation.spatial.positives import estimate_of
from hrpn_tf.evaluation.spatial.profile import DistanceProfile
from hrpn_tf.evaluation.spatial.study import SpatialStudy, occupied


@dataclass(frozen=True)
class Measure:
    """What is measured of a slide.

    Attributes:
        title, unit, definition: for tables.
        rises: whether it can only rise where a pixel rises, so that the bounds of all pixels give
            bounds of the measure.
    """

    title: str
    unit: str
    definition: str
    rises: bool = False


MEASURES = {
    "mean_intensity": Measure(
        "mean intensity", "grey levels", "mean of the pixels that count", rises=True
    ),
    "extravasated_share": Measure(
        "extravasated share",
        "share",
        "share of the intensity above the background that lies outside vessels; 1 where vessels "
        "hold none",
    ),
    "extravasation_um": Measure(
        "extravasation distance",
        "um",
        "mean distance of positive pixels outside vessels to the nearest vessel",
    ),
    "depth_1_e_um": Measure(
        "penetration depth, 1/e",
        "um",
        "distance at which the excess over the background falls to 1/e of that at the wall",
    ),
    "depth_10_percent_um": Measure(
        "penetration depth, 10 %", "um", "distance at which the excess falls to 10 %"
    ),
    "wall_excess": Measure(
        "excess at the wall", "grey levels", "excess over the background at the vessel wall"
    ),
    "perivascular_intensity": Measure(
        "perivascular intensity",
        "grey levels",
        "mean over vessels of the mean in the surroundings of each",
        rises=True,
    ),
    "positive_nuclei_share": Measure(
        "positive nuclei", "share", "share of nuclei above the threshold", rises=True
    ),
    "sub_area_variation": Measure(
        "variation of sub-areas",
        "share",
        "standard deviation between the means of sub-areas, as a share of their mean",
    ),
    "moran_i": Measure(
        "Moran's I", "", "correlation of each sub-area with the mean of its neighbours"
    ),
    "hot_spot_share": Measure(
        "hot spots",
        "share",
        "share of sub-areas that are, with their neighbours, above the slide's mean (Gi*)",
    ),
}


@dataclass(frozen=True)
class SubAreas:
    """Sub-areas of which enough counts.

    Attributes:
        y_um, x_um: (n,) centres.
        mean: (n,) grey levels.
        moran, spots: of these means.
    """

    y_um: np.ndarray
    x_um: np.ndarray
    mean: np.ndarray
    moran: Moran
    spots: HotSpots


@dataclass(frozen=True)
class SlideAnalysis:
    """The measures of one slide.

    Attributes:
        measures: sums over the slide.
        bounds: the same of the lower and the upper bound of every pixel; None without bounds.
        config: section ``spatial``.
        range_: of the histograms.
        condition: of the slide, or "".
        fitted: further columns of the vessel table, (vessels,) each; None without.
    """

    measures: SlideMeasures
    bounds: tuple[SlideMeasures, SlideMeasures] | None
    config: SpatialConfig
    range_: Extremes
    condition: str = ""
    fitted: Mapping[str, np.ndarray] | None = None

    @property
    def name(self) -> str:
        """Of the slide."""
        return self.measures.slide.name

    @property
    def group(self) -> str:
        """The animal."""
        return self.measures.slide.group

    @cached_property
    def study(self) -> SpatialStudy:
        """The spatial evaluation of the slide alone."""
        return SpatialStudy((self.measures,), self.config, self.range_)

    @property
    def profile(self) -> DistanceProfile:
        """Mean intensity by distance; the curve ``pred`` is that of the slide."""
        return self.study.slide_profiles[0]

    @property
    def background(self) -> float:
        """Grey level from which the excess is measured; 0 where there is no profile."""
        value = self.profile.pred.metrics["background"]["value"]
        return 0.0 if value is None else float(value)

    @cached_property
    def sub_areas(self) -> SubAreas:
        """Means of sub-areas, and how they lie."""
        found = self.measures
        used = np.flatnonzero(found.by_cell[:, 0] >= LEAST_SHARE * found.cells.side_px**2)
        row, column = np.divmod(used, found.cells.columns)
        mean = found.by_cell[used, 2] / found.by_cell[used, 0]
        side, touching = found.cells.side_px * found.slide.pixel_size_um, neighbours(row, column)
        return SubAreas(
            (row + 0.5) * side,
            (column + 0.5) * side,
            mean,
            moran(mean, touching),
            hot_spots(mean, touching),
        )

    @cached_property
    def values(self) -> Mapping[str, dict[str, Any]]:
        """By name of a measure: value, interval over blocks, and why either is missing.

        With bounds, measures that rise with every pixel also have them ("bounds").
        """
        found = _values(self)
        if self.bounds is not None:
            ends = [
                _rising(SlideAnalysis(each, None, self.config, self.range_)) for each in self.bounds
            ]
            for name in ends[0]:
                both = [end[name]["value"] for end in ends]
                found[name]["bounds"] = None if None in both else both
        return {name: found[name] for name in MEASURES}


def _rising(slide: SlideAnalysis) -> dict[str, dict[str, Any]]:
    """Measures that can only rise where a pixel rises."""
    found, study = slide.measures, slide.study
    blocks = occupied(found.by_distance).sum(axis=1)
    seen = found.by_vessel[:, 0] > 0
    means = found.by_vessel[seen, 2] / found.by_vessel[seen, 0]
    place = study.cluster_at(0, found.slide.vessels.y_px[seen], found.slide.vessels.x_px[seen])
    vessels = np.stack(
        [np.bincount(place, terms, len(study.clusters)) for terms in (None, means)], axis=-1
    )
    return {
        "mean_intensity": estimate_of(blocks, study.clusters, lambda s: s[:, 2] / s[:, 0]),
        "perivascular_intensity": estimate_of(
            vessels, study.clusters, lambda s: s[:, 1] / s[:, 0]
        ),
        "positive_nuclei_share": study.nuclei["pred_share"],
    }  # fmt: skip


def _values(slide: SlideAnalysis) -> dict[str, dict[str, Any]]:
    curve, areas = slide.profile.pred.metrics, slide.sub_areas
    return {
        **_rising(slide),
        "extravasated_share": _extravasated(slide),
        "extravasation_um": dict(slide.study.extravasation["pred_um"]),
        "depth_1_e_um": dict(curve["depth_1_e"]),
        "depth_10_percent_um": dict(curve["depth_10_percent"]),
        "wall_excess": dict(curve["wall"]),
        "sub_area_variation": _of_areas(_variation(areas.mean)),
        "moran_i": _of_areas(areas.moran.i),
        "hot_spot_share": _of_areas(_hot_share(areas)),
    }


def _extravasated(slide: SlideAnalysis) -> dict[str, Any]:
    """Share of the excess outside vessels; the background is held fixed over resamples."""
    sums = occupied(slide.measures.by_distance)
    excess = sums[..., 2] - slide.background * sums[..., 0]
    parts = np.stack([excess[:, 1:].sum(axis=1), excess[:, 0]], axis=-1)

    def share(drawn: np.ndarray) -> np.ndarray:
        outside, inside = np.maximum(drawn, 0).T  # a lumen may be darker than the background
        return outside / (outside + inside)

    return estimate_of(parts, slide.study.clusters, share)


def _variation(mean: np.ndarray) -> float | None:
    if len(mean) < 2 or not mean.mean() > 0:
        return None
    return float(mean.std(ddof=1) / mean.mean())


def _hot_share(areas: SubAreas) -> float | None:
    if not np.isfinite(areas.spots.z).any():
        return None
    return float((areas.spots.kind == 1).mean())


def _of_areas(value: float | None) -> dict[str, Any]:
    reason = "blocks cut neighbouring sub-areas apart, so they give no interval"
    if value is None:
        reason = "too few sub-areas, or they do not differ"
    return {"value": value, "interval": None, "unresolved": reason}
