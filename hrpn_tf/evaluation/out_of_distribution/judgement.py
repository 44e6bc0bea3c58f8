"""Compares a slide with the training slides, and states the differences in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hrpn_tf.evaluation.out_of_distribution.limits import FEWEST
from hrpn_tf.evaluation.out_of_distribution.profile import (
    Distances,
    TrainingProfile,
    reference_of,
)
from hrpn_tf.evaluation.out_of_distribution.resolution import caution, unnoticed
from hrpn_tf.evaluation.out_of_distribution.statistics import QUANTILES, SlideStatistics

# Channels are swapped if another order takes them so much nearer to the training slides.
_SWAP_GAIN = 2.0


@dataclass(frozen=True)
class Judgement:
    """How far a slide is from the training slides.

    Attributes:
        distances: see ``Distances``.
        scores: what was compared: its distance divided by its limit; above 1 is out of
            distribution. Empty where no limits could be learnt.
        reasons: why it is out of distribution, a phrase each; empty if it is not.
        left_out: what was not compared, and why.
        unnoticed: channel: factors of brightness between which it would not be noticed.
        caution: what a slide within the limits may hide, given so many training slides.
    """

    distances: Distances
    scores: dict[str, float]
    reasons: tuple[str, ...]
    left_out: tuple[str, ...]
    unnoticed: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    caution: str = ""

    @property
    def score(self) -> float | None:
        """The largest of the scores; None where there is none."""
        return max(self.scores.values(), default=None)

    @property
    def is_out(self) -> bool:
        """Whether the slide is out of distribution."""
        return (self.score or 0) > 1

    def to_json(self) -> dict[str, Any]:
        """As it is written into the metadata of a prediction."""
        score = self.score
        return {
            "score": None if score is None else _rounded(score),
            "out_of_distribution": None if score is None else self.is_out,
            "reasons": list(self.reasons),
            "scores": {name: _rounded(value) for name, value in self.scores.items()},
            "left_out": list(self.left_out),
            "unnoticed": {name: [_rounded(v) for v in two] for name, two in self.unnoticed.items()},
            "caution": self.caution,
        }


def judge(profile: TrainingProfile, slide: SlideStatistics) -> Judgement:
    """Compare a slide with the training slides.

    A slide of few windows scatters by more than the training slides, of which the limits are. Its
    scores are multiplied by the ratio of its windows to theirs, so that only large differences
    count.

    Args:
        profile: of the training.
        slide: statistics of windows of the profile's side, its channels in the profile's order.
    """
    distances = reference_of(profile).distances(slide)
    share = window_share(profile, slide)
    scores, left_out = {}, []
    for index, channel in enumerate(profile.channels):
        for name, distance, limit in (
            (f"grey levels of {channel}", distances.grey[index], profile.grey_limits[index]),
            (
                f"structure of {channel}",
                distances.structure[index],
                profile.structure_limits[index],
            ),
            (f"noise of {channel}", distances.noise[index], profile.noise_limits[index]),
        ):
            if np.isfinite(distance) and np.isfinite(limit):
                scores[name] = float(distance / limit) * share
            elif profile.has_limits:
                left_out.append(f"{name}: {_why_not(name, profile, index)}")
    if np.isfinite(distances.features) and np.isfinite(profile.feature_limit):
        scores["features of the network"] = distances.features / profile.feature_limit * share
    elif profile.has_limits:
        left_out.append(_why_no_features(profile, slide))
    if not profile.has_limits:
        left_out.append(
            f"{len(profile.slides)} training slides do not tell how much slides of their kind "
            f"differ; that takes {FEWEST}"
        )
    reasons = tuple(_reasons(profile, slide, scores))
    factors = unnoticed(profile, share)
    return Judgement(
        distances, scores, reasons, tuple(left_out), factors, caution(profile, factors)
    )


def window_share(profile: TrainingProfile, slide: SlideStatistics) -> float:
    """Windows of a slide as a share of those that the limits take, at most 1."""
    return min(slide.windows / (profile.enough_windows or slide.windows or 1), 1.0)


def _why_not(name: str, profile: TrainingProfile, index: int) -> str:
    if not name.startswith("noise"):
        return "a constant channel"
    if not np.isfinite(profile.noise_limits[index]):
        return "it is not known of the training slides"
    return "the slide has none, or was resampled"


def _why_no_features(profile: TrainingProfile, slide: SlideStatistics) -> str:
    if profile.space is None:
        return "features of the network: the training profile has none"
    if slide.features is None:
        return "features of the network: they need its Keras model"
    if not profile.space.knows(slide.features):
        return (
            "features of the network: the training profile is of another network "
            "(hrpn-tf describe-training RUN makes it again)"
        )
    return "features of the network: they are not finite"


def _reasons(
    profile: TrainingProfile, slide: SlideStatistics, scores: dict[str, float]
) -> Iterator[str]:
    """The most telling first; what follows from it is not said again."""
    out = {name for name, score in scores.items() if score > 1}
    swapped = _swapped(profile, slide) if any("grey" in name for name in out) else ()
    if swapped:
        names = " and ".join(swapped)
        yield f"channels {names} look swapped: they fit the training slides the other way round"
    for index, channel in enumerate(profile.channels):
        if channel in swapped:
            continue
        if f"grey levels of {channel}" in out:
            yield _grey_reason(profile, slide, index)
        if f"structure of {channel}" in out:
            yield _structure_reason(profile, slide, index)
        if f"noise of {channel}" in out:
            yield _noise_reason(profile, slide, index)
    if out == {"features of the network"}:
        score = scores["features of the network"]
        yield (
            f"the network's features are {score:.1f} times as far from the training slides' as "
            "slides of their kind should be"
        )


def _swapped(profile: TrainingProfile, slide: SlideStatistics) -> tuple[str, ...]:
    """The channels that another order takes much nearer to the training slides."""
    count = len(profile.channels)
    if count < 2:
        return ()
    from scipy.optimize import linear_sum_assignment

    reference = reference_of(profile)
    # row: a channel of the slide; column: what it is compared with
    costs = np.empty((count, count))
    for row in range(count):
        own = np.arcsinh(slide.quantiles[row] / reference.scale[:, None])
        costs[row] = np.abs(own - reference.quantiles).mean(axis=1)
    costs /= profile.grey_limits
    if not np.isfinite(costs).all():
        return ()
    rows, best = linear_sum_assignment(costs)
    if costs.trace() <= _SWAP_GAIN * costs[rows, best].sum():
        return ()
    return tuple(profile.channels[i] for i in range(count) if best[i] != i)


def _grey_reason(profile: TrainingProfile, slide: SlideStatistics, index: int) -> str:
    """Where the histograms differ most in the middle, or at the bright end of sparse channels."""
    train, own = profile.quantiles[:, index], slide.quantiles[index]
    channel = profile.channels[index]
    scale = reference_of(profile).scale[index]
    for at, name in (
        (QUANTILES // 2, "median"),
        (9 * QUANTILES // 10, "90th percentile"),
        (-1, "99.5th percentile"),
        (0, "lowest"),
    ):
        low, high = train[:, at].min(), train[:, at].max()
        if _apart(own[at], low, high, scale):
            how = "brighter" if own[at] > high else "darker"
            return (
                f"channel {channel} is {how} than every training slide: {name} {_number(own[at])} "
                f"against {_range(low, high)}"
            )
    return f"channel {channel} has another distribution of grey levels than the training slides"


def _apart(value: float, low: float, high: float, scale: float) -> bool:
    """Whether a value lies clearly outside of a range."""
    least = 0.05 * scale
    return bool(value > high + least or value < low - least)


def _structure_reason(profile: TrainingProfile, slide: SlideStatistics, index: int) -> str:
    sizes, own = profile.structure_px[:, index], float(slide.structure_px[index])
    low, high = np.nanmin(sizes), np.nanmax(sizes)
    factor = own / np.exp(np.nanmean(np.log(sizes)))
    how = "coarser" if factor > 1 else "finer"
    what = f"what channel {profile.channels[index]} shows is {how} than in"
    where = "another pixel size than the file states, another focus or another stain?"
    if low <= own <= high:  # a few training slides are alike, and most are not
        usual = own / factor
        return (
            f"{what} most training slides, {factor:.2g} times their size ({own:.3g} px against "
            f"{usual:.3g} px on average): {where}"
        )
    return (
        f"{what} the training slides, {factor:.2g} times their size ({own:.3g} px against "
        f"{low:.3g} to {high:.3g} px): {where}"
    )


def _noise_reason(profile: TrainingProfile, slide: SlideStatistics, index: int) -> str:
    factor = slide.noise_or_nan[index] / np.exp(reference_of(profile).noise[index])
    return (
        f"channel {profile.channels[index]} has {factor:.2g} times the noise that its brightness "
        "has in the training slides: another gain, exposure or compression?"
    )


def _range(low: float, high: float) -> str:
    first, last = _number(low), _number(high)
    return first if first == last else f"{first} to {last}"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def one_line(reasons: Sequence[str], most: int = 3) -> str:
    """Reasons in one line; of many the first."""
    more = f"; and more ({len(reasons)} in all)" if len(reasons) > most else ""
    return "; ".join(reasons[:most]) + more
