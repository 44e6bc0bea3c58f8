"""Which level of a slide is read, how it is resampled, and where its pixels lie."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.slide_and_contract import CONTRACT, INFO

from hrpn_tf.errors import PixelSizeError, RegionError
from hrpn_tf.prediction import Frame, Region, choose_frame, frame_region
from hrpn_tf.slides import SlideInfo


def slide(um: float | None, *factors: float, side: int = 6400) -> SlideInfo:
    info = replace(INFO, height=side, width=side // 2, pixel_size_um=um, levels=(1.0, *factors))
    shapes = tuple((round(side / f), round(side / 2 / f)) for f in info.levels)
    return replace(info, level_shapes=shapes)


def choose(info: SlideInfo, wanted: float | None = 0.5, **changes: object) -> Frame:
    arguments: dict = {"stated_um": None, "tolerance": 0.1, "resample": True, **changes}
    return choose_frame(info, replace(CONTRACT, pixel_size_um=wanted), **arguments)


@pytest.mark.parametrize(
    ("um", "factors", "level", "ratio", "size"),
    [
        (0.5, (), 0, 1, 0.5),
        (0.5, (2.0, 4.0), 0, 1, 0.5),
        (0.25, (2.0, 4.0), 1, 1, 0.5),
        (0.25, (), 0, 2, 0.5),
        (0.1, (2.0, 4.0, 8.0), 2, 1.25, 0.5),
        (0.26, (2.0, 4.0), 1, 1, 0.52),  # within 10 %
        (0.3, (2.0, 4.0), 0, 0.5 / 0.3, 0.5),  # 0.6 would be coarser
        (1.0, (2.0,), 0, 0.5, 0.5),
    ],
)
def test_the_nearest_level_that_is_not_coarser_is_read(
    um: float, factors: tuple[float, ...], level: int, ratio: float, size: float
) -> None:
    frame = choose(slide(um, *factors))
    assert (frame.level, frame.ratio) == (level, pytest.approx(ratio))
    assert frame.pixel_size_um == pytest.approx(size)
    # px of the result per px at full resolution is the ratio of their sizes
    assert frame.scale == pytest.approx(um / size)
    assert frame.is_own == (level == 0 and ratio == 1)


@given(st.floats(0.13, 1.9), st.lists(st.sampled_from([2.0, 3.0, 4.0, 8.0]), unique=True))
def test_the_result_has_the_models_pixel_size(um: float, factors: list[float]) -> None:
    frame = choose(slide(um, *sorted(factors)))
    assert frame.pixel_size_um == pytest.approx(0.5, rel=0.1001)
    read = um * (1.0, *sorted(factors))[frame.level]
    assert read * frame.ratio == pytest.approx(frame.pixel_size_um)
    assert frame.ratio >= 1 or frame.level == 0, "details are made up only where there are none"


def test_a_level_may_be_asked_for() -> None:
    info = slide(0.25, 2.0, 4.0)
    assert choose(info, level=2) == Frame(0.5, 2, pytest.approx(0.5), pytest.approx(0.5))
    assert choose(info, level=0).ratio == pytest.approx(2)
    for level in (3, -1):
        with pytest.raises(RegionError, match=rf"no level {level}; it has 3"):
            choose(info, level=level)


def test_a_model_that_knows_no_pixel_size_sees_the_slide_as_it_is() -> None:
    assert choose(slide(0.1, 2.0), wanted=None).is_own
    frame = choose(slide(0.1, 2.0), wanted=None, level=1)
    assert (frame.pixel_size_um, frame.ratio, frame.scale) == (0.2, 1, 0.5)


@pytest.mark.parametrize("um", [500.0, 0.0005, 1e-9, 1e9])
def test_an_implausible_pixel_size_is_questioned(um: float) -> None:
    with pytest.raises(PixelSizeError, match=r"no microscope slide has \(a wrong unit\?\)"):
        choose(slide(um))
    assert choose(slide(um), stated_um=0.5).pixel_size_um == 0.5


def test_pixels_that_hold_too_little_are_refused() -> None:
    with pytest.raises(PixelSizeError, match=r"2\.1 um/px, but.*at 0\.5.*4 times larger"):
        choose(slide(2.1))
    with pytest.raises(PixelSizeError, match=r"4 times larger"):
        choose(slide(0.5, 8.0), level=1)
    with pytest.raises(PixelSizeError, match=r"0\.25 um/px.*resample=false"):
        choose(slide(0.25), resample=False)


@given(
    st.integers(0, 6399), st.integers(1, 6400), st.floats(0.13, 1.9), st.sampled_from([(), (2.0,)])
)
def test_a_region_is_widened_to_whole_pixels_and_stays_inside(
    start: int, length: int, um: float, factors: tuple[float, ...]
) -> None:
    info = slide(um, *factors)
    length = min(length, 6400 - start)
    frame = choose(info)
    shape = info.level_shapes[frame.level]
    size = round(shape[0] / frame.ratio), round(shape[1] / frame.ratio)
    found = frame_region(Region(start, 0, length, 1), info, frame, size)
    assert found.y >= 0
    assert found.width >= 1
    assert found.y + found.height <= size[0]
    # in um, within what rounding a level or the result to whole px may cost
    pixel, margin = frame.pixel_size_um, 1.5 * frame.pixel_size_um
    assert found.y * pixel <= start * um + 1e-3
    assert (found.y + found.height) * pixel >= (start + length) * um - margin
    assert found.height * pixel <= length * um + 2 * pixel + 1e-3


def test_products_of_decimal_fractions_do_not_widen_a_region() -> None:
    """0.7 px is three tenths of 2.1: not a hair more."""
    frame = Frame(pixel_size_um=2.1, level=0, ratio=3.0, scale=0.7 / 2.1)
    found = frame_region(Region(300, 300, 600, 600), slide(0.7), frame, (2133, 1067))
    assert found == Region(100, 100, 200, 200)


@pytest.mark.parametrize(
    "region",
    [
        Region(-1, 0, 5, 5), Region(0, -1, 5, 5), Region(0, 0, 0, 5), Region(0, 0, 5, 0),
        Region(0, 0, 6401, 5), Region(0, 3196, 5, 5), Region(6400, 0, 1, 1), Region(0, 0, -5, 5),
    ],
)  # fmt: skip
@pytest.mark.parametrize("um", [0.5, 0.25])
def test_a_region_outside_is_refused(region: Region, um: float) -> None:
    info = slide(um)
    with pytest.raises(RegionError, match=r"does not lie within the slide of 3200 x 6400 px"):
        frame_region(region, info, choose(info), (6400, 3200))
