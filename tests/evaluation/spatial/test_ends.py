"""Intervals of lengths in words."""

from hrpn_tf.evaluation.spatial.ends import ends_in_words


def test_ends_that_are_known_and_ends_that_are_not() -> None:
    show = "{:.1f}".format
    assert ends_in_words({"interval": None}, show) is None
    assert ends_in_words({}, show) is None
    assert ends_in_words({"interval": [2.0, 3.0]}, show) == "2.0 to 3.0"
    above = {"interval": [2.0, None], "high_above_um": 98.0}
    assert ends_in_words(above, show) == "2.0 to > 98.0"
    below = {"interval": [None, 3.0], "low_below_um": -60.0}
    assert ends_in_words(below, show) == "< -60.0 to 3.0"
