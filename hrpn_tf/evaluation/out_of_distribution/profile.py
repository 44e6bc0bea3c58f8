"""The training-data profile: statistics of the training slides, and limits for similar slides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hrpn_tf.evaluation.out_of_distribution.feature_space import FeatureSpace, fit_feature_space
from hrpn_tf.evaluation.out_of_distribution.limits import FEWEST, upper_limit
from hrpn_tf.evaluation.out_of_distribution.statistics import WINDOWS, SlideStatistics

# Of slides of the training slides' kind, this share may be called different.
ALARMS = 0.01
# Smaller differences than these never count: about 15 % in grey level, 15 % in size (10 % are left
# as they are), 15 % in noise, and a quarter of what windows of one slide scatter by.
LEAST_GREY, LEAST_STRUCTURE, LEAST_NOISE, LEAST_FEATURES = 0.15, 0.15, 0.15, 0.25


@dataclass(frozen=True)
class TrainingProfile:
    """The statistics of the training slides that another slide is compared with.

    Attributes:
        channels: roles of the inputs.
        slides, groups: name and group of each training slide.
        window_px: side length of the sampled windows, px.
        quantiles: (S, C, Q) grey levels, see ``SlideStatistics``.
        structure_px: (S, C) see ``SlideStatistics``; NaN for constant channels.
        space: of the network's features; None if it has none that can be read.
        grey_limits: (C,) largest distance of grey levels; NaN where nothing can be learnt.
        structure_limits: (C,) the same of structure.
        feature_limit: the same of features.
        noise: (S, C) see ``SlideStatistics``; NaN where it is not known.
        noise_limits: (C,) the same of noise.
        windows: (S,) int64, number of sampled windows; 0 where it is not known.
    """

    channels: tuple[str, ...]
    slides: tuple[str, ...]
    groups: tuple[str, ...]
    window_px: int
    quantiles: np.ndarray
    structure_px: np.ndarray
    space: FeatureSpace | None
    grey_limits: np.ndarray
    structure_limits: np.ndarray
    feature_limit: float
    noise: np.ndarray
    noise_limits: np.ndarray
    windows: np.ndarray

    @property
    def enough_windows(self) -> int:
        """How many windows a slide must have, so that the limits hold for it; 0 if unknown.

        Few windows scatter by more. Training slides of few windows have wider limits themselves.
        """
        return min(WINDOWS, int(np.median(self.windows)))

    @property
    def has_limits(self) -> bool:
        """Whether there were slides enough to learn any limit."""
        return bool(np.isfinite(self.grey_limits).any())


def learn_profile(
    channels: Sequence[str], slides: Mapping[str, tuple[str, SlideStatistics]], window_px: int
) -> TrainingProfile:
    """Learn statistics and limits from the training slides.

    Each group (animal) is left out in turn, or each slide if there are fewer than three groups, and
    its slides are compared with the others, as a slide of a new animal will be.
    The limits follow from the largest distance of each, see ``upper_limit``. Since any of several
    distances may alarm, each gets its share of ``ALARMS``.

    Args:
        channels: roles of the inputs.
        slides: name: group, statistics; at least one.
        window_px: side of the windows.
    """
    names, groups = list(slides), [group for group, _ in slides.values()]
    found = [statistics for _, statistics in slides.values()]
    units = groups if len(set(groups)) >= FEWEST else names
    whole = _reference(found)
    known = sum(np.isfinite(whole.structure)) + sum(np.isfinite(whole.noise))
    parts = known + len(channels) + (whole.space is not None)
    left_out: dict[str, list[Distances]] = {}
    for unit in sorted(set(units)) if len(set(units)) >= FEWEST else ():
        others = _reference([f for f, own in zip(found, units, strict=True) if own != unit])
        own = [f for f, of in zip(found, units, strict=True) if of == unit]
        left_out[unit] = [others.distances(each) for each in own]
    worst = [_largest(distances) for distances in left_out.values()]
    limits = _limits(worst, len(channels), ALARMS / parts)
    return TrainingProfile(
        channels=tuple(channels),
        slides=tuple(names),
        groups=tuple(groups),
        window_px=window_px,
        quantiles=np.stack([f.quantiles for f in found]),
        structure_px=np.stack([f.structure_px for f in found]),
        space=whole.space,
        grey_limits=limits.grey,
        structure_limits=limits.structure,
        feature_limit=limits.features,
        noise=np.stack([f.noise_or_nan for f in found]),
        noise_limits=limits.noise,
        windows=np.array([f.windows for f in found], np.int64),
    )


def join_profiles(profiles: Sequence[TrainingProfile]) -> TrainingProfile | None:
    """The profile of the training slides of several networks together.

    It has no features, which differ from network to network. None if the profiles are of other
    channels or windows, so that their slides cannot be compared.
    """
    first = profiles[0]
    if any((p.channels, p.window_px) != (first.channels, first.window_px) for p in profiles):
        return None
    slides = {
        name: (group, SlideStatistics(quantiles, structure, None, int(windows), noise))
        for p in profiles
        for name, group, quantiles, structure, noise, windows in zip(
            p.slides, p.groups, p.quantiles, p.structure_px, p.noise, p.windows, strict=True
        )
    }
    return learn_profile(first.channels, slides, first.window_px)


@dataclass(frozen=True)
class Distances:
    """The distances of a slide from others.

    Attributes:
        grey: (C,) Wasserstein-1 distance of the histograms of asinh(grey level / mean grey level of
            the others); for bright pixels that is the logarithm of a factor.
        structure: (C,) logarithm of the factor between sizes, without sign; NaN where a channel is
            constant.
        noise: (C,) logarithm of the factor between noise levels, without sign; NaN where one is not
            known.
        features: Mahalanobis distance; NaN without features.
    """

    grey: np.ndarray
    structure: np.ndarray
    noise: np.ndarray
    features: float


@dataclass(frozen=True)
class Reference:
    """What slides are compared with; see ``Distances``."""

    scale: np.ndarray
    quantiles: np.ndarray
    structure: np.ndarray
    noise: np.ndarray
    space: FeatureSpace | None

    def distances(self, slide: SlideStatistics) -> Distances:
        """Of a slide."""
        own = np.arcsinh(slide.quantiles / self.scale[:, None])
        grey = np.abs(own - self.quantiles).mean(axis=1)
        structure = np.abs(np.log(slide.structure_px) - self.structure)
        noise = np.abs(np.log(slide.noise_or_nan) - self.noise)
        features = float("nan")
        if self.space is not None and self.space.knows(slide.features):
            features = self.space.distance(slide.features)
        return Distances(grey, structure, noise, features)


def reference_of(profile: TrainingProfile) -> Reference:
    """All training slides of a profile."""
    return _joined(profile.quantiles, profile.structure_px, profile.noise, profile.space)


def _reference(slides: Sequence[SlideStatistics]) -> Reference:
    features = [slide.features for slide in slides if slide.features is not None]
    space = fit_feature_space(features) if len(features) == len(slides) else None
    return _joined(
        np.stack([slide.quantiles for slide in slides]),
        np.stack([slide.structure_px for slide in slides]),
        np.stack([slide.noise_or_nan for slide in slides]),
        space,
    )


def _joined(
    quantiles: np.ndarray, structure_px: np.ndarray, noise: np.ndarray, space: FeatureSpace | None
) -> Reference:
    """The mean of the slides: of quantiles it is their Wasserstein barycentre."""
    scale = np.abs(quantiles).mean(axis=(0, 2))
    scale = np.where(scale > 0, scale, 1.0)
    barycentre = np.arcsinh(quantiles / scale[:, None]).mean(axis=0)
    return Reference(scale, barycentre, _mean_log(structure_px), _mean_log(noise), space)


def _mean_log(values: np.ndarray) -> np.ndarray:
    """(C,) mean over the slides of the logarithms that are known; NaN where none is."""
    logs = np.log(values)
    known = np.isfinite(logs)
    sums = np.where(known, logs, 0).sum(axis=0)
    return np.where(known.any(axis=0), sums / np.maximum(known.sum(axis=0), 1), np.nan)


def _largest(distances: Sequence[Distances]) -> Distances:
    return Distances(
        np.max([d.grey for d in distances], axis=0),
        np.fmax.reduce([d.structure for d in distances]),
        np.fmax.reduce([d.noise for d in distances]),
        float(np.max([d.features for d in distances])),
    )


def _limits(left_out: Sequence[Distances], channels: int, alarms: float) -> Distances:
    def limit(values: Sequence[float], least: float) -> float:
        known = np.array([value for value in values if np.isfinite(value)])
        found = upper_limit(known, alarms, least)
        return float("nan") if found is None else found

    def of_channels(part: str, least: float) -> np.ndarray:
        values = [getattr(each, part) for each in left_out]
        return np.array([limit([each[c] for each in values], least) for c in range(channels)])

    return Distances(
        of_channels("grey", LEAST_GREY),
        of_channels("structure", LEAST_STRUCTURE),
        of_channels("noise", LEAST_NOISE),
        limit([d.features for d in left_out], LEAST_FEATURES),
    )
