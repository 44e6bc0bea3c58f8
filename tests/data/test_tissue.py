"""The mask finds what is brighter; block statistics equal those of the pixels."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import gaussian_filter
from support.slides import noise, write_slide

from hrpn_tf.config import TissueConfig
from hrpn_tf.data import tissue
from hrpn_tf.data.moments import ChannelMoments, pool
from hrpn_tf.data.tissue import (
    Blocks,
    block_side,
    channel_mean,
    is_small,
    is_tissue,
    lies_within_tissue,
    read_blocks,
    tissue_mask,
    tissue_moments,
)
from hrpn_tf.slides import open_slide


def blocks_of(mean: np.ndarray) -> Blocks:
    """Blocks of one pixel each, of an image (H, W, C)."""
    grey = mean.astype(np.float32)
    return Blocks(1, np.ones(mean.shape[:2], int), grey, np.zeros(mean.shape), grey)


@pytest.mark.parametrize(("side", "window"), [(4, 16), (7, 16), (10, 30), (64, 16)])
def test_blocks_equal_statistics_of_their_pixels(tmp_path: Path, monkeypatch, side, window):
    monkeypatch.setattr(tissue, "WINDOW", window)
    image = noise(0, 45, 61, "uint16")
    with open_slide(write_slide(tmp_path / "a.ome.tif", image)) as slide:
        blocks = read_blocks(slide, [2, 0], side)
    assert blocks.mean.shape == (-(-45 // side), -(-61 // side), 2)
    for row, column in np.ndindex(blocks.mean.shape[:2]):
        y, x = row * side, column * side
        pixels = image[y : y + side, x : x + side][..., [2, 0]].reshape(-1, 2).astype(float)
        assert blocks.count[row, column] == len(pixels)
        np.testing.assert_allclose(blocks.mean[row, column], pixels.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(blocks.variance[row, column], pixels.var(axis=0), rtol=1e-5)
        np.testing.assert_array_equal(blocks.largest[row, column], pixels.max(axis=0))


def test_otsu_finds_a_disc_of_noisy_tissue():
    y, x = np.mgrid[:120, :160]
    disc = (y - 60) ** 2 + (x - 70) ** 2 < 45**2
    rng = np.random.default_rng(0)
    image = np.stack([rng.poisson(np.where(disc, 30, 4)) for _ in range(2)], axis=-1)
    image[10:13, 140:143] = 4000  # a speck of dirt does not move the threshold
    mask = tissue_mask(blocks_of(image), 2, TissueConfig(method="otsu"))
    assert (mask & disc).sum() / disc.sum() > 0.97
    assert (mask & ~disc).sum() / (~disc).sum() < 0.03


@pytest.mark.parametrize(("grey", "tissue_found"), [(0, False), (7, True)])
def test_otsu_on_an_even_slide(grey, tissue_found):
    mask = tissue_mask(blocks_of(np.full((9, 9, 2), grey)), 2, TissueConfig())
    assert mask.all() == mask.any() == tissue_found


def test_threshold_compares_the_mean_of_the_inputs_alone():
    image = np.zeros((2, 2, 3))
    image[0] = [10, 20, 0]
    image[1] = [10, 19, 255]
    config = TissueConfig(method="threshold", threshold=14.75)
    mask = tissue_mask(blocks_of(image), 2, config)
    assert mask.tolist() == [[True, True], [False, False]]


@given(
    hnp.arrays(np.float32, st.tuples(*[st.integers(1, 9)] * 2), elements=st.integers(0, 60000)),
    st.integers(0, 99),
)
def test_moments_are_those_of_the_tissue_pixels(grey, seed):
    mask = np.random.default_rng(seed).random(grey.shape) < 0.6
    (moments,) = tissue_moments(blocks_of(grey[..., None]), mask)
    assert moments.count == mask.sum()
    if moments.count:
        assert moments.mean == pytest.approx(grey[mask].mean(dtype=float))
        assert moments.std == pytest.approx(grey[mask].std(dtype=float), abs=1e-6)
        assert moments.largest == grey[mask].max()
    else:
        assert moments == ChannelMoments(0, 0.0, 0.0, 0.0)


@given(st.lists(hnp.arrays(float, st.integers(0, 9), elements=st.floats(0, 1e6)), max_size=5))
def test_pooling_equals_taking_all_pixels_at_once(parts):
    def moments(x: np.ndarray) -> ChannelMoments:
        if not len(x):
            return pool([])
        return ChannelMoments(len(x), float(x.mean()), float(x.var() * len(x)), float(x.max()))

    whole = moments(np.concatenate([*parts, []]))
    pooled = pool(moments(part) for part in parts)
    assert pooled.count == whole.count
    assert pooled.mean == pytest.approx(whole.mean, rel=1e-9)
    assert pooled.std == pytest.approx(whole.std, rel=1e-6, abs=1e-3)
    assert pooled.largest == whole.largest


def test_the_mask_follows_the_pixel_size():
    assert block_side(8.0, 0.5) == 16
    assert block_side(8.0, 0.69) == 12
    assert block_side(1.0, 5.0) == 1


def field(seed: int, background: bool) -> np.ndarray:
    """(64, 64) grey levels in blocks: tissue with structure, with or without background."""
    rng = np.random.default_rng(seed)
    grey = 40 * np.exp(0.2 * gaussian_filter(rng.standard_normal((64, 64)), 3) * 6)
    y, x = np.mgrid[:64, :64] - 32
    return np.where(np.hypot(y, x) < 26, grey, 3.0) if background else grey


@pytest.mark.parametrize("seed", range(4))
def test_fields_within_tissue_are_told_from_slides(seed: int) -> None:
    assert lies_within_tissue(field(seed, background=False))
    assert not lies_within_tissue(field(seed, background=True))


def test_one_grey_level() -> None:
    assert lies_within_tissue(np.full((24, 24), 5.0))
    assert not lies_within_tissue(np.zeros((24, 24)))
    assert not lies_within_tissue(np.full((23, 24), 5.0))  # too small to judge


def test_the_mean_of_the_channels_is_that_of_numpy() -> None:
    for channels in (1, 2, 3, 5, 9):
        means = np.random.default_rng(0).gamma(2, 30, (40, 50, channels)).astype(np.float32)
        found = channel_mean(means)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, means.mean(axis=-1))


def test_a_coarser_image_is_judged_by_the_same_lengths() -> None:
    """Strips of tissue and background, 12 blocks wide, in elements of 4 blocks."""
    random = np.random.default_rng(0)
    columns = np.arange(480) // 12 % 2
    blocks = np.where(columns, 100.0, 8.0) * np.exp(0.3 * random.standard_normal((480, 480)))
    elements = blocks.reshape(120, 4, 120, 4).mean(axis=(1, 3))
    assert not lies_within_tissue(blocks)
    assert not lies_within_tissue(elements, 4)
    assert lies_within_tissue(elements), "smoothed over 8 blocks, the strips run together"
    found = is_tissue(elements, TissueConfig(), 4)
    assert (found == (columns[::4] == 1)).mean() > 0.95
    assert is_small(elements[:5], 4)
    assert not is_small(elements[:6], 4)
