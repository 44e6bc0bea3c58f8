"""Splits are by group, and the group that picks the checkpoint never gives the figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpn_tf.config import SplitConfig
from hrpn_tf.data.splits import Split, folds, split_groups
from hrpn_tf.errors import SplitError

names = st.lists(st.text(min_size=1, max_size=4), min_size=3, max_size=9)


@given(names.filter(lambda groups: len(set(groups)) >= 3))
def test_folds_test_every_group_once_and_share_none(groups):
    splits = folds(groups)
    assert sorted(split.test[0] for split in splits) == sorted(set(groups))
    for split in splits:
        parts = [*split.train, *split.validation, *split.test]
        assert sorted(parts) == sorted(set(groups))


def test_fold_takes_the_sorted_group_and_the_next_as_validation():
    split = split_groups(["m3", "m1", "m2", "m1", "m4"], SplitConfig(fold=3))
    assert split == Split(train=("m2", "m3"), validation=("m1",), test=("m4",))


def test_named_groups_replace_the_fold():
    config = SplitConfig(fold=0, validation=("b",), test=("c",))
    assert split_groups(["a", "b", "c", "d"], config) == Split(("a", "d"), ("b",), ("c",))


def test_without_a_test_group_two_groups_are_enough():
    assert split_groups(["a", "b"], SplitConfig(validation=("b",))) == Split(("a",), ("b",), ())


@pytest.mark.parametrize(
    ("groups", "config", "says"),
    [
        (["a"], SplitConfig(), "1 group"),
        (["a", "b"], SplitConfig(), "2 group"),
        (["a", "b", "c"], SplitConfig(fold=3), "0 to 2"),
        (["a", "b", "c"], SplitConfig(fold=None), "data.split.fold"),
        (["a", "b", "c"], SplitConfig(validation=("x",)), "no group x"),
        (["a", "b", "c"], SplitConfig(test=("a",)), "data.split.validation"),
        (["a", "b"], SplitConfig(validation=("a",), test=("b",)), "left to train"),
    ],
)
def test_impossible_splits_are_refused(groups, config, says):
    with pytest.raises(SplitError, match=says):
        split_groups(groups, config)
