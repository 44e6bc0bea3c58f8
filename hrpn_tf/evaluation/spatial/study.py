"""The spatial evaluation of all slides together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hrpn_tf.config.spatial import SpatialConfig
from hrpn_tf.evaluation.bootstrap import Groups
from hrpn_tf.evaluation.spatial.agreement import Agreement, agreement, pair_metrics, pair_sums
from hrpn_tf.evaluation.spatial.intensity import Extremes, Histogram
from hrpn_tf.evaluation.spatial.layout import Squares
from hrpn_tf.evaluation.spatial.measure import SlideMeasures
from hrpn_tf.evaluation.spatial.pairs import KINDS, Pairs, slide_pairs
from hrpn_tf.evaluation.spatial.penetration import DEPTHS
from hrpn_tf.evaluation.spatial.positives import nuclei_shares, positive_distances
from hrpn_tf.evaluation.spatial.profile import DistanceProfile, make_profile
from hrpn_tf.evaluation.spatial.resampling import Clusters, block_clusters, group_clusters


@dataclass(frozen=True)
class SpatialStudy:
    """All slides of a spatial evaluation.

    Attributes:
        slides: one entry per slide.
        config: as it was measured.
        range_: of the histograms.
    """

    slides: tuple[SlideMeasures, ...]
    config: SpatialConfig
    range_: Extremes

    @cached_property
    def groups(self) -> Groups:
        """The groups (animals) that the slides belong to."""
        return Groups.of([measures.slide.group for measures in self.slides])

    @cached_property
    def clusters(self) -> Clusters:
        """The clusters of the bootstrap: groups of slides, or the blocks of a single slide."""
        if len(self.slides) > 1:
            return group_clusters(self.groups)
        return clusters_of(self.slides[0])

    @cached_property
    def pairs(self) -> dict[str, list[Pairs]]:
        """Kind: the pairs of each slide."""
        by_slide = [slide_pairs(measures) for measures in self.slides]
        found = {kind: [pairs[kind] for pairs in by_slide] for kind in by_slide[0]}
        nowhere = np.full(1, np.nan)
        depths = [profile_depths(profile) for profile in self.slide_profiles]
        found["penetration"] = [
            Pairs(np.array([t]), np.array([p]), nowhere, nowhere)
            if np.isfinite([t, p]).all()
            else Pairs(*(np.zeros(0),) * 4)
            for t, p in depths
        ]
        return found

    @cached_property
    def agreements(self) -> dict[str, Agreement]:
        """By kind, the agreement of the pairs of all slides together."""
        found = {"pixels": agreement(self._pixel_sums(), self.clusters, independent=False)}
        for kind in KINDS:
            if kind in self.pairs:
                found[kind] = self._agreement(self.pairs[kind])
        return {kind: found[kind] for kind in KINDS}

    def _agreement(self, parts: Sequence[Pairs]) -> Agreement:
        """Of pairs; those without a place on a single slide cannot be drawn with its blocks."""
        if len(parts) == 1 and np.isnan(parts[0].y_um).any():
            zeros = np.zeros(len(parts[0]), np.intp)
            return agreement(pair_sums(parts[0].true, parts[0].pred, zeros, 1), None)
        return agreement(self._sums(parts), self.clusters)

    @cached_property
    def profile(self) -> DistanceProfile:
        """The profile over the pixels of all slides."""
        first = self.slides[0]
        sums = self._by_group([m.by_distance.sum(axis=0) for m in self.slides])
        if len(self.slides) == 1:
            sums = occupied(first.by_distance)
        distances = np.sum([m.distance_sums for m in self.slides], axis=0)
        clusters = self.clusters if max(len(self.clusters), len(self.slides)) > 1 else None
        return make_profile(sums[..., :3], distances, first.bins, clusters, self.config.background)

    @cached_property
    def slide_profiles(self) -> list[DistanceProfile]:
        """The profile of each slide, with intervals over its blocks."""
        profiles = []
        for measures in self.slides:
            sums, clusters = occupied(measures.by_distance), clusters_of(measures)
            profiles.append(
                make_profile(
                    sums[..., :3], measures.distance_sums, measures.bins,
                    clusters if len(clusters) > 1 else None, self.config.background,
                )
            )  # fmt: skip
        return profiles

    @cached_property
    def extravasation(self) -> dict[str, Any]:
        """Mean distance of all positive pixels outside vessels, measured and predicted."""
        sums = np.zeros((self._count, 4))
        for i, measures in enumerate(self.slides):
            places = np.arange(len(measures.cells))
            row, column = np.divmod(places, measures.cells.columns)
            side = measures.cells.side_px
            cluster = self.cluster_at(i, (row + 0.5) * side, (column + 0.5) * side)
            np.add.at(sums, cluster, measures.positive_by_cell)
        return positive_distances(sums, self.clusters)

    @cached_property
    def nuclei(self) -> dict[str, Any]:
        """Shares of positive nuclei, measured and predicted, and how often they agree."""
        sums = np.zeros((self._count, 4))
        for i, measures in enumerate(self.slides):
            found = measures.nuclei
            cluster = self.cluster_at(i, found.y_px + 0.5, found.x_px + 0.5)
            positive = measures.slide.positive
            both = 2 * (found.true > positive) + (found.pred > positive)
            np.add.at(sums, (cluster, both), 1.0)
        return nuclei_shares(sums, self.clusters)

    @cached_property
    def intensity(self) -> dict[str, dict[str, Any]]:
        """Range of the measured and the predicted target over all pixels that count."""
        true, pred = Histogram(self.range_), Histogram(self.range_)
        for measures in self.slides:
            true.merge(measures.true_range)
            pred.merge(measures.pred_range)
        return {"true": true.to_json(), "pred": pred.to_json()}

    def all_pairs(self, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Number of the slide, true and predicted value of all pairs of a kind."""
        parts = self.pairs[kind]
        slide = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
        true, pred = (
            np.concatenate([getattr(p, name) for p in parts]) for name in ("true", "pred")
        )
        return slide, true, pred

    @property
    def _count(self) -> int:
        return len(self.clusters)

    def _pixel_sums(self) -> np.ndarray:
        """Sums over pixels of each cluster, (clusters, 6)."""
        if len(self.slides) == 1:
            return occupied(self.slides[0].by_distance).sum(axis=1)
        return self._by_group([m.by_distance.sum(axis=(0, 1)) for m in self.slides])

    def _by_group(self, of_slides: Sequence[np.ndarray]) -> np.ndarray:
        """Sums over the slides of each group; (groups, ...)."""
        sums = np.zeros((len(self.groups), *of_slides[0].shape))
        np.add.at(sums, self.groups.of_slide, np.stack(of_slides))
        return sums

    def _sums(self, parts: Sequence[Pairs]) -> np.ndarray:
        sums = np.zeros((self._count, 6))
        for i, pairs in enumerate(parts):
            size = self.slides[i].slide.pixel_size_um
            cluster = self.cluster_at(i, pairs.y_um / size, pairs.x_um / size)
            sums += pair_sums(pairs.true, pairs.pred, cluster, self._count)
        return sums

    def cluster_at(self, slide: int, y_px: np.ndarray, x_px: np.ndarray) -> np.ndarray:
        """The cluster that points of a slide belong to."""
        if len(self.slides) > 1:
            return np.full(len(y_px), self.groups.of_slide[slide])
        measures = self.slides[0]
        occupied = np.flatnonzero(has_pixels(measures.by_distance))
        block = measures.blocks.at(y_px, x_px)
        return np.clip(np.searchsorted(occupied, block), 0, len(occupied) - 1)


def clusters_of(measures: SlideMeasures) -> Clusters:
    """The blocks of a slide that hold pixels that count."""
    blocks: Squares = measures.blocks
    side = blocks.side_px * measures.slide.pixel_size_um
    return block_clusters(max(1, int(has_pixels(measures.by_distance).sum())), side)


def profile_depths(profile: DistanceProfile, name: str = next(iter(DEPTHS))) -> tuple[float, float]:
    """Measured and predicted depth of a profile, um; NaN where there is none."""
    values = (curve.metrics[name]["value"] for curve in (profile.true, profile.pred))
    true, pred = (np.nan if value is None else float(value) for value in values)
    return true, pred


def pixel_metrics(measures: SlideMeasures) -> Mapping[str, float | None]:
    """Agreement of the pixels of one slide, without intervals."""
    found = pair_metrics(measures.by_distance.sum(axis=(0, 1)))
    return {name: float(v) if np.isfinite(v) else None for name, v in found.items()}


def has_pixels(by_distance: np.ndarray) -> np.ndarray:
    """(blocks,) bool: whether a block holds pixels that count."""
    present: np.ndarray = by_distance[..., 0].sum(axis=1) > 0
    return present


def occupied(by_distance: np.ndarray) -> np.ndarray:
    """Only the blocks with pixels; one of zeros if there are none."""
    kept = by_distance[has_pixels(by_distance)]
    return kept if len(kept) else by_distance[:1]
