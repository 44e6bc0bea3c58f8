"""Slides at another pixel size, against scikit-image and by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import downscale_local_mean

from hrpn_tf.errors import RegionError
from hrpn_tf.slides import SlideInfo
from hrpn_tf.slides.resample import ResampledSlide
from hrpn_tf.slides.slide import check_window

sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))
ratios = st.one_of(st.floats(0.2, 9.0), st.sampled_from([0.25, 0.5, 1.0, 2.0, 1 / 3, 3.0, 0.9]))


class Stored:
    """A slide in memory that remembers how much of it was read at once."""

    def __init__(self, image: np.ndarray) -> None:
        self.image, self.largest, self.closed = image, 0, False
        names = tuple(map(str, range(image.shape[2])))
        self.info = SlideInfo(Path("array"), *image.shape[:2], names, image.dtype, 0.5)

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        check_window(self.info, y, x, height, width, channels, level)
        self.largest = max(self.largest, height * width * len(channels))
        return self.image[y : y + height, x : x + width, list(channels)]

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def noise(shape: Sequence[int], dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*shape, 2)).astype(dtype)


def resampled(image: np.ndarray, ratio: float) -> ResampledSlide:
    return ResampledSlide(Stored(image), 0, ratio, 0.5 * ratio)


def whole(slide: ResampledSlide) -> np.ndarray:
    return slide.read(0, 0, slide.info.height, slide.info.width, [0, 1])


@given(sizes, ratios, st.data())
def test_a_window_equals_its_part_of_the_whole(
    shape: tuple[int, int], ratio: float, data: st.DataObject
) -> None:
    """Bit by bit: nothing depends on the window."""
    slide = resampled(noise(shape), ratio)
    image = whole(slide)
    height, width = slide.info.height, slide.info.width
    y, x = (data.draw(st.integers(0, side - 1)) for side in (height, width))
    h, w = (data.draw(st.integers(1, side)) for side in (height - y, width - x))
    np.testing.assert_array_equal(slide.read(y, x, h, w, [0, 1]), image[y : y + h, x : x + w])


def test_bands_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise((300, 200))
    expected = whole(resampled(image, 2.7))
    monkeypatch.setattr("hrpn_tf.slides.resample._BAND_BYTES", 9000)
    stored = Stored(image)
    slide = ResampledSlide(stored, 0, 2.7, None)
    np.testing.assert_array_equal(whole(slide), expected)
    assert 4 * stored.largest < 3 * 9000


@given(sizes, st.integers(1, 9))
def test_a_whole_ratio_is_the_local_mean_of_scikit_image(
    shape: tuple[int, int], ratio: int
) -> None:
    image = noise([ratio * side for side in shape])
    expected = downscale_local_mean(image.astype(float), (ratio, ratio, 1))
    np.testing.assert_allclose(whole(resampled(image, ratio)), expected, rtol=1e-6, atol=1e-4)


@given(sizes, st.integers(1, 80), st.integers(1, 9))
def test_the_mean_is_kept_where_pixels_fit(shape: tuple[int, int], parts: int, pixels: int) -> None:
    """Sides are whole numbers of large pixels, whatever the ratio."""
    ratio = 1 + pixels / parts
    height, width = (round(side * parts * ratio) for side in (1, 2))
    image = noise((height, width))
    slide = resampled(image, ratio)
    assert slide.info.height == parts
    mean = whole(slide).mean(axis=(0, 1))
    np.testing.assert_allclose(mean, image.mean(axis=(0, 1)), rtol=1e-5)


@given(sizes, ratios, st.sampled_from(["uint8", "uint16", "float32"]))
def test_constants_stay(shape: tuple[int, int], ratio: float, dtype: str) -> None:
    image = np.full((*shape, 2), 201, dtype)
    np.testing.assert_allclose(whole(resampled(image, ratio)), 201, rtol=1e-6)


@settings(max_examples=50)
@given(st.floats(0.15, 0.99), st.integers(3, 60))
def test_a_ramp_stays_a_ramp_when_pixels_get_smaller(ratio: float, side: int) -> None:
    """Places count from the outer corner of the first pixel, in both."""
    image = np.tile(np.arange(side, dtype=np.float32)[:, None, None], (1, 3, 2))
    slide = resampled(image, ratio)
    line = whole(slide)[:, 0, 0]
    expected = (np.arange(len(line)) + 0.5) * ratio - 0.5
    np.testing.assert_allclose(line, np.clip(expected, 0, side - 1), atol=2e-5)


@pytest.mark.parametrize("ratio", [0.4, 1.0, 2.5])
def test_a_bright_spot_stays_where_it_is(ratio: float) -> None:
    """In um from the corner of the slide."""
    image = np.zeros((200, 300, 2), np.float32)
    image[95:105, 195:205] = 1
    slide = resampled(image, ratio)
    rows, columns = np.nonzero(whole(slide)[..., 0] > 0.5)
    size = slide.info.pixel_size_um or 0
    for found, expected in ((rows, 100 * 0.5), (columns, 200 * 0.5)):
        assert (found + 0.5).mean() * size == pytest.approx(expected, abs=size)


def test_what_it_says_of_itself() -> None:
    stored = Stored(noise((100, 61)))
    slide = ResampledSlide(stored, 0, 2.0, 1.0)
    info = slide.info
    assert (info.height, info.width) == (50, 30)
    assert (info.dtype, info.pixel_size_um, info.levels) == (np.float32, 1.0, (1.0,))
    assert info.level_shapes == ((50, 30),)
    assert slide.read(0, 0, 1, 1, [1]).dtype == np.float32
    with pytest.raises(RegionError):
        slide.read(0, 0, 51, 30, [0])
    with slide:
        pass
    assert stored.closed


def test_another_level_at_its_own_pixels_is_read_as_stored() -> None:
    stored = Stored(noise((100, 60)))
    slide = ResampledSlide(stored, 0, 1.0, 0.5)
    np.testing.assert_array_equal(whole(slide), stored.image)
    assert slide.info.dtype == np.uint8


def test_a_slide_seen_from_far_away_is_read_in_bands() -> None:
    """20 px of the result per 2000 px of the slide: 100 times the pixels of the result."""
    stored = Stored(np.broadcast_to(np.uint8(3), (20_000, 2000, 2)))
    slide = ResampledSlide(stored, 0, 100.0, None)
    np.testing.assert_allclose(whole(slide), 3, rtol=1e-6)
    assert 4 * stored.largest <= 8 * 2**20
    assert slide.info.segment_bytes >= 8 * 2**20, "the planner counts it"
