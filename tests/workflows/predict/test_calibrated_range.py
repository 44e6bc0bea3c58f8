"""Slides outside the grey levels that an int8 network was calibrated on."""

import logging
import pickle

import numpy as np
import pytest
from hrpn_export.calibrated_range import RANGE, CalibratedRange
from hrpn_export.manifest import Artefact

from hrpn_tf.workflows.predict.calibrated_range import RangeWatch, warn

CALIBRATED = CalibratedRange((0.0, 10.0), (80.0, 110.0))


def watch() -> RangeWatch:
    return RangeWatch(CALIBRATED, ("vessels", "nuclei"))


def tile(vessels: float, nuclei: float, side: int = 64) -> np.ndarray:
    return np.full((side, side, 2), (vessels, nuclei), np.float32)


def test_a_brighter_slide_is_warned_about_once_with_its_range(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = watch()
    seen.see(tile(40, 50))
    seen.see(tile(240, 50))
    with caplog.at_level(logging.WARNING):
        warn("slide.tif", seen)
    (record,) = caplog.records
    assert "slide.tif: outside the grey levels" in record.message
    assert "vessels holds 40 to 240 where the calibration held 0 to 80" in record.message
    assert "0.5 of the pixels" in record.message
    assert "nuclei" not in record.message


@pytest.mark.parametrize("level", [79.0, 83.0])
def test_a_slide_within_the_range_gives_no_warning(
    level: float, caplog: pytest.LogCaptureFixture
) -> None:
    seen = watch()
    seen.see(tile(level, 100))
    warn("slide.tif", seen)
    warn("slide.tif", watch())
    warn("slide.tif", None)
    assert not caplog.records


def test_a_defect_of_the_camera_is_no_other_brightness() -> None:
    seen = watch()
    pixels = tile(40, 50, side=512)
    pixels[7, 7] = 65535
    seen.see(pixels)
    assert not seen.in_words()


def test_what_several_processes_saw_adds_up() -> None:
    first, second, both = watch(), watch(), watch()
    for seen in (first, both):
        seen.see(tile(240, 50))
    for seen in (second, both):
        seen.see(tile(20, 0))
    total = pickle.loads(pickle.dumps(watch()))
    total.add(first)
    total.add(watch())
    total.add(second)
    assert total == both
    assert total.outside == [64 * 64, 64 * 64]


@pytest.mark.parametrize(
    "stated",
    [None, 5, {}, {"minimum": [0]}, {"minimum": [0, 0], "maximum": [1]}, {"minimum": "ab",
     "maximum": [1, 2]}, {"minimum": [0, None], "maximum": [1, 2]}],
)  # fmt: skip
def test_a_range_that_is_none_is_left_out(stated: object) -> None:
    details = {} if stated is None else {RANGE: stated}
    artefact = Artefact(format="onnx", precision="int8", path="a", details=details)
    assert CalibratedRange.of(artefact, 2) is None
