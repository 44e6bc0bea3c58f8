import numpy as np

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


def test_one_candidate_and_none() -> None:
    (only,) = rank([candidate("a", 5, own=1.0)], PROFILE)
    assert (only.place, only.value) == (1, 0.5)
    assert rank([], PROFILE) == []
