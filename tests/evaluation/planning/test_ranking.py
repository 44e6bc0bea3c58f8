from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hrpn_tf.evaluation.out_of_distribution import SlideStatistics, describe, judge, learn_profile
from hrpn_tf.evaluation.planning import Candidate, rank

random = np.random.default_rng(0)
NOISE = random.gamma(4, 5, (12, 64, 64, 2))


def statistics(seed: int, gain: float = 1.0) -> SlideStatistics:
    return describe([NOISE[seed] * gain * (1 + 0.02 * seed)])


PROFILE = learn_profile(
    ("vessels", "nuclei"), {f"t{i}": (f"t{i}", statistics(i)) for i in range(5)}, 64
)


def candidate(name: str, seed: int, gain: float = 1.0, own: float | None = None) -> Candidate:
    found = statistics(seed, gain)
    return Candidate(name, name, own, judge(PROFILE, found).score or 0.0, found)


def order(*candidates: Candidate) -> list[str]:
    return [each.candidate.name for each in rank(candidates, PROFILE)]


def test_a_slide_that_is_plainly_different_comes_first() -> None:
    assert order(candidate("like", 5), candidate("bright", 6, 4.0), candidate("too", 7))[0] == (
        "bright"
    )


def test_networks_that_disagree_put_a_slide_first_if_none_is_different() -> None:
    like = [candidate(f"s{i}", 5, own=own) for i, own in enumerate((1.0, 3.0, 2.0))]
    assert order(*like) == ["s1", "s2", "s0"]


def test_what_resembles_a_slide_that_was_chosen_is_not_new_any_more() -> None:
    bright, again = candidate("bright", 6, 4.0), candidate("again", 6, 4.01)
    dark = candidate("dark", 7, 0.4)
    found = rank([bright, again, dark], PROFILE)
    assert [each.candidate.name for each in found] == ["again", "dark", "bright"]
    assert found[2].novelty < 0.1 < found[2].candidate.distance
    assert [each.place for each in found] == [1, 2, 3]


def with_noise(value: float) -> SlideStatistics:
    """Slides that differ in the noise of the first channel alone."""
    return replace(statistics(5), noise=np.array([value, 1.0]))


def with_features(value: float) -> SlideStatistics:
    """Slides that differ in one feature of the network alone."""
    spread = np.random.default_rng(1).standard_normal((16, 3))
    features = spread - spread.mean(axis=0) + [np.log(value), 0, 0]
    return replace(statistics(5), features=features.astype(np.float32), windows=16)


@pytest.mark.parametrize("make", [with_noise, with_features])
def test_noise_and_features_that_were_chosen_are_not_new_any_more(
    make: Callable[[float], SlideStatistics],
) -> None:
    training = {f"t{i}": (f"t{i}", make(1 + 0.05 * i)) for i in range(5)}
    profile = learn_profile(("vessels", "nuclei"), training, 64)
    slides = {"high": 9.0, "high too": 8.8, "low": 0.2}
    candidates = [
        Candidate(name, name, None, judge(profile, make(value)).score or 0.0, make(value))
        for name, value in slides.items()
    ]
    first, second, third = rank(candidates, profile)
    assert [each.candidate.name for each in (first, second, third)] == ["high", "low", "high too"]
    assert second.novelty == second.candidate.distance > 1
    assert third.novelty < 0.1 * third.candidate.distance


def test_few_windows_count_for_less_between_candidates_too() -> None:
    """As against the training slides: a quarter of the windows, a quarter of the distance."""
    profile = replace(PROFILE, windows=np.full(5, 32))
    made = [replace(candidate(f"s{i}", 5 + i, 1.0 + 3 * i), distance=99.0) for i in range(2)]

    def novelty(windows: int) -> float:
        counts = (windows, 32)
        known = [
            replace(each, statistics=replace(each.statistics, windows=count))
            for each, count in zip(made, counts, strict=True)
        ]
        return rank(known, profile)[1].novelty

    assert novelty(8) == pytest.approx(novelty(32) / 4)


def test_one_candidate_and_none() -> None:
    (only,) = rank([candidate("a", 5, own=1.0)], PROFILE)
    assert (only.place, only.value) == (1, 0.5)
    assert rank([], PROFILE) == []
