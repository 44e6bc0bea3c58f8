"""Groups from names and folders."""

from pathlib import PurePath

import pytest

from hrpn_tf.data.grouping import propose_groups


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["m1/a", "m1/b", "m2/a"], ["m1", "m1", "m2"]),
        (["all/m1/a", "all/m1/x/b", "all/m2/a"], ["m1", "m1", "m2"]),
        (["mouse1_s1", "Mouse 1_s2", "mouse_2_s1"], ["mouse1", "mouse1", "mouse_2"]),
        (["2024-01-05_m12_s3", "2024-01-05_m13_s1"], ["m12", "m13"]),
        (["A12_s1", "A12_s2", "B7_s1"], ["A12", "A12", "B7"]),
        (["4T1-3 left", "4T1-3 right", "4T1-4 left"], ["4T1-3", "4T1-3", "4T1-4"]),
        (["01_1", "01_2", "02_1"], ["01", "01", "02"]),
    ],
)
def test_groups(names: list[str], groups: list[str]) -> None:
    found = propose_groups([PurePath(name) for name in names])
    assert list(found.groups) == groups
    assert not found.doubtful


@pytest.mark.parametrize(
    ("names", "doubtful"),
    [
        (["slide-001", "slide-002"], {0, 1}),
        (["left", "right"], {0, 1}),
        (["mouse1_a", "mouse1_b", "control"], {2}),
        (["loose", "m1/a", "m2/a"], {0}),
    ],
)
def test_names_without_group_are_their_own_and_in_doubt(
    names: list[str], doubtful: set[int]
) -> None:
    found = propose_groups([PurePath(name) for name in names])
    assert found.doubtful == doubtful
    assert all(found.groups[i] == names[i] for i in doubtful)


def test_sections_of_a_mouse_stay_together() -> None:
    """A group that is too small would let one animal train and test."""
    names = [PurePath(f"{a}_3_s{s}_f{f}") for a in "xy" for s in (1, 2) for f in (1, 2)]
    assert len(set(propose_groups(names).groups)) <= 2


def test_no_slides() -> None:
    assert propose_groups([]).groups == ()
