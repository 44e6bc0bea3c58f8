"""Rank slides by how much they would teach a network, if their target were measured.

Two signs that something would be learnt from a slide: networks that were trained alike disagree on
it (query by committee, Seung, Opper and Sompolinsky 1992; deep ensembles, Lakshminarayanan et al.
2017), and it is unlike the slides that trained them (core sets, Sener and Savarese 2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from hrpn_tf.evaluation.out_of_distribution import SlideStatistics, TrainingProfile
from hrpn_tf.evaluation.out_of_distribution.judgement import window_share
from hrpn_tf.evaluation.out_of_distribution.profile import reference_of


@dataclass(frozen=True)
class Candidate:
    """A slide whose target is not measured.

    Attributes:
        name: of the slide.
        group: the animal; the name of the slide where it is not known.
        disagreement: root mean square, over pixels, of the standard deviation over the networks,
            grey levels; None without networks.
        distance: from the training slides, in units of the limit of the out-of-distribution check.
        statistics: of its windows.
        reasons: why it is out of distribution; empty if it is not.
    """

    name: str
    group: str
    disagreement: float | None
    distance: float
    statistics: SlideStatistics
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ranked:
    """A candidate at its place.

    Attributes:
        place: from 1, the slide that teaches most.
        candidate: the slide.
        novelty: its distance from the training slides and the slides before it, in the same unit.
        value: mean of its ranks in disagreement and novelty among the slides that were left when it
            was chosen, from 0 to 1.
    """

    place: int
    candidate: Candidate
    novelty: float
    value: float


def rank(candidates: Sequence[Candidate], profile: TrainingProfile) -> list[Ranked]:
    """Order slides so that the first ones together teach most.

    The slide with the largest mean rank of disagreement and novelty comes first. It then counts as
    a training slide: what resembles it has less that is new.

    Args:
        candidates: with disagreements of all or of none.
        profile: of the training slides.
    """
    if not candidates:
        return []
    left = list(range(len(candidates)))
    novelty = np.array([each.distance for each in candidates])
    between = _distances([each.statistics for each in candidates], profile)
    known = all(each.disagreement is not None for each in candidates)
    found: list[Ranked] = []
    while left:
        parts = [_ranks(novelty[left])]
        if known:
            parts.append(_ranks(np.array([candidates[i].disagreement for i in left], float)))
        values = np.mean(parts, axis=0)
        # of equals, the one on which the networks disagree more, then the one that is named first
        ties = [(values[k], candidates[i].disagreement or 0.0, -i) for k, i in enumerate(left)]
        at = max(range(len(left)), key=ties.__getitem__)
        chosen = left.pop(at)
        found.append(
            Ranked(len(found) + 1, candidates[chosen], float(novelty[chosen]), float(values[at]))
        )
        novelty = np.minimum(novelty, between[chosen])
    return found


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 0 for the least to 1 for the largest; 0.5 for equals and for a value alone."""
    if len(values) < 2:
        return np.full(len(values), 0.5)
    return np.asarray((rankdata(values) - 1) / (len(values) - 1))


def _distances(slides: Sequence[SlideStatistics], profile: TrainingProfile) -> np.ndarray:
    """(N, N) distance of two slides: the largest of what :func:`judge` compares, in its unit."""
    reference = reference_of(profile)
    grey = np.stack([np.arcsinh(s.quantiles / reference.scale[:, None]) for s in slides])
    sizes = np.log(np.stack([s.structure_px for s in slides]))
    noise = np.log(np.stack([s.noise_or_nan for s in slides]))
    places = _feature_places(slides, profile)
    parts = [
        np.abs(grey[:, None] - grey[None]).mean(axis=-1) / profile.grey_limits,
        np.abs(sizes[:, None] - sizes[None]) / profile.structure_limits,
        np.abs(noise[:, None] - noise[None]) / profile.noise_limits,
        cdist(places, places)[..., None] / profile.feature_limit,
    ]
    known = np.concatenate(parts, axis=-1)
    known[~np.isfinite(known)] = np.nan
    largest = np.nan_to_num(np.fmax.reduce(known, axis=-1))
    shares = np.array([window_share(profile, s) for s in slides])
    return np.asarray(largest * np.minimum(shares[:, None], shares[None]))


def _feature_places(slides: Sequence[SlideStatistics], profile: TrainingProfile) -> np.ndarray:
    """(N, D) whitened mean features of each slide; NaN where they are not known."""
    space = profile.space
    if space is None:
        return np.full((len(slides), 1), np.nan)
    unknown = np.full(space.whitening.shape[1], np.nan)
    return np.stack([
        s.features.mean(axis=0) @ space.whitening if space.knows(s.features) else unknown
        for s in slides
    ])  # fmt: skip
