"""The grid covers, stays inside, and repeats nothing; tissue shares equal a count of pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpn_tf.data.grid import patch_grid, positions, tissue_shares

lengths = st.integers(1, 300)
patches = st.integers(1, 90)
strides = st.integers(1, 120)
edges = st.sampled_from(["shift", "pad", "drop"])


def covered(starts: np.ndarray, length: int, patch: int) -> np.ndarray:
    hits = np.zeros(length + 2 * patch, int)
    for start in starts:
        hits[start : start + patch] += 1
    return hits[:length]


@given(lengths, patches, st.data())
def test_shift_and_pad_cover_every_pixel(length, patch, data):
    stride = data.draw(st.integers(1, patch))
    if length >= patch:
        assert covered(positions(length, patch, stride, "shift"), length, patch).all()
    assert covered(positions(length, patch, stride, "pad"), length, patch).all()


@given(lengths, patches, strides)
def test_shift_and_drop_stay_inside(length, patch, stride):
    for edge in ("shift", "drop"):
        starts = positions(length, patch, stride, edge)
        assert (starts >= 0).all()
        assert (starts + patch <= length).all()
        assert (len(starts) > 0) == (length >= patch)


@given(lengths, patches, strides, edges)
def test_positions_rise_without_repeats_from_the_first_pixel(length, patch, stride, edge):
    starts = positions(length, patch, stride, edge)
    assert (np.diff(starts) > 0).all()
    assert len(starts) == 0 or starts[0] == 0


@given(lengths, patches, strides)
def test_pad_begins_no_patch_outside(length, patch, stride):
    assert (positions(length, patch, stride, "pad") < max(length, 1) + max(0, stride - patch)).all()


@given(st.integers(1, 9), patches)
def test_stride_equal_to_patch_visits_each_pixel_once(count, patch):
    for edge in ("shift", "pad", "drop"):
        starts = positions(count * patch, patch, patch, edge)
        assert (covered(starts, count * patch, patch) == 1).all()


def test_published_grid_is_padded():
    # 512 px patches, stride 512, zeros at right and bottom
    assert patch_grid(600, 1041, 512, 512, "pad").tolist() == [
        [0, 0], [0, 512], [0, 1024], [512, 0], [512, 512], [512, 1024]
    ]  # fmt: skip


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 17), st.integers(1, 70), st.data())
def test_tissue_share_equals_a_count_of_pixels(height, width, block, patch, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    mask = rng.random((-(-height // block), -(-width // block))) < 0.5
    corners = np.array([[0, 0], [height // 3, width // 2], [height - 1, width - 1]])
    shares = tissue_shares(mask, block, height, width, corners, patch)
    pixels = mask.repeat(block, axis=0).repeat(block, axis=1)[:height, :width]
    for (y, x), share in zip(corners, shares, strict=True):
        counted = pixels[y : y + patch, x : x + patch].sum() / patch**2
        assert share == pytest.approx(counted, abs=1e-9)
