"""Channels by name, and windows over a plane."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpn_tf.errors import UnknownChannelError
from hrpn_tf.slides import SlideInfo, channel_index, iter_windows

INFO = SlideInfo(Path("a.tif"), 8, 9, ("CD31", "dapi", "DAPI", "7"), np.dtype("uint8"), None)


@pytest.mark.parametrize(
    ("channel", "index"),
    [("CD31", 0), ("cd31", 0), ("DAPI", 2), ("dapi", 1), ("7", 3), ("1", 1), (2, 2)],
)
def test_channel_by_exact_name_then_any_case_then_index(channel: str | int, index: int) -> None:
    assert channel_index(INFO, channel) == index


@pytest.mark.parametrize("channel", ["QD", "", "4", "-1", "٣", "9" * 5000, 4, -1])
def test_unknown_channel_lists_those_present(channel: str | int) -> None:
    with pytest.raises(UnknownChannelError, match=r"a.tif.*0 'CD31', 1 'dapi', 2 'DAPI', 3 '7'"):
        channel_index(INFO, channel)


@pytest.mark.parametrize("channel", ["Dapi", "DAPi"])
def test_ambiguous_channel_asks_for_the_index(channel: str) -> None:
    with pytest.raises(UnknownChannelError, match=r"2 channels .* index: 1, 2"):
        channel_index(INFO, channel)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 70))
def test_windows_cover_each_pixel_once_in_order(height: int, width: int, size: int) -> None:
    seen = np.zeros((height, width), int)
    corners = []
    for y, x, h, w in iter_windows(height, width, size):
        assert 0 < h <= size
        assert 0 < w <= size
        seen[y : y + h, x : x + w] += 1
        corners.append((y, x))
    assert (seen == 1).all()
    assert corners == sorted(corners)


def test_level_sizes_default_to_rounding_up() -> None:
    info = SlideInfo(Path("a"), 5, 9, ("0",), np.dtype("uint8"), None, (1.0, 2.0, 4.0))
    assert info.level_shapes == ((5, 9), (3, 5), (2, 3))
