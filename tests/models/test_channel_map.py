"""How the channels of a new network are made of those of the one that it starts from."""

import numpy as np
import pytest

from hrpn_tf.models.channel_map import map_inputs, map_outputs


@pytest.mark.parametrize(
    ("old", "new", "matrix", "notes"),
    [
        (("a", "b"), ("a", "b"), [[1, 0], [0, 1]], ("a", "b")),
        (("a", "b"), ("b", "a"), [[0, 1], [1, 0]], ("b", "a")),
        (("a", "b"), ("a", "c", "b"), [[1, 0], [0, 0], [0, 1]], ("a", "c: zero", "b")),
        (("a", "b", "c"), ("c",), [[0, 0, 1]], ("c",)),
        (("a", "b"), ("c", "d"), [[1, 0], [0, 1]], ("c: a, by position", "d: b, by position")),
        (2, ("c",), [[1, 1]], ("c: mean of channel 0, channel 1",)),
        (("a",), ("c", "d"), [[0.5], [0.5]], ("c: mean of a", "d: mean of a")),
    ],
)
def test_inputs(
    old: tuple[str, ...] | int, new: tuple[str, ...], matrix: list, notes: tuple[str, ...]
) -> None:
    found = map_inputs(old, new)
    np.testing.assert_array_equal(found.matrix, matrix)
    assert found.notes == notes
    assert found.is_identity == (matrix == [[1, 0], [0, 1]])


def test_another_name_of_the_same_structure_is_the_same_role() -> None:
    alike = {"dapi": "nuclei", "cd31": "vessels"}
    found = map_inputs(("vessels", "nuclei"), ("dapi", "cd31"), alike)
    np.testing.assert_array_equal(found.matrix, [[0, 1], [1, 0]])
    assert found.notes == ("dapi: nuclei, by its name", "cd31: vessels, by its name")
    assert (found.unused, found.by_position) == ((), False)
    assert map_inputs(("vessels", "nuclei"), ("dapi", "cd31")).by_position


def test_inputs_without_a_place_are_named() -> None:
    assert map_inputs(("a", "b"), ("a", "c")).unused == ("b",)
    assert map_inputs(("a", "b"), ("c", "d")).unused == ()


@pytest.mark.parametrize(
    ("old", "new", "matrix"),
    [
        (("qd",), ("dextran",), [[1]]),
        (("qd", "x"), ("x",), [[0, 1]]),
        (("qd", "x"), ("dextran",), [[0.5, 0.5]]),
        (("qd",), ("qd", "x"), [[1], [1]]),
    ],
)
def test_outputs(old: tuple[str, ...], new: tuple[str, ...], matrix: list) -> None:
    np.testing.assert_array_equal(map_outputs(old, new).matrix, matrix)
