from itertools import pairwise

from hrpn_tf.workflows.plan.subsets import nested_subsets

GROUPS = tuple("abcdefgh")


def test_the_subsets_of_a_draw_are_nested_and_the_last_has_all() -> None:
    found = nested_subsets(GROUPS, (1, 2, 4, 8), 3)
    assert [(each.draw, len(each.groups)) for each in found] == [
        (draw, size) for draw in (1, 2, 3) for size in (1, 2, 4, 8)
    ]
    for small, large in pairwise(found):
        assert small.draw != large.draw or set(small.groups) < set(large.groups)
    assert all(set(each.groups) == set(GROUPS) for each in found if len(each.groups) == 8)


def test_more_draws_leave_the_earlier_ones_and_small_subsets_differ() -> None:
    few, more = (nested_subsets(GROUPS, (1, 2), draws) for draws in (2, 4))
    assert more[: len(few)] == few
    assert len({each.groups for each in more if len(each.groups) == 1}) == 4
    assert nested_subsets(tuple(reversed(GROUPS)), (1, 2), 2) == few
