from dataclasses import dataclass, replace

import numpy as np
import pytest
from hrpn_export import ArraySlide, ContractError, Evidence
from hrpn_export.measure import (
    Measurement,
    ReferenceSession,
    brightened,
    mosaic,
    seam_error,
)
from scipy.ndimage import uniform_filter
from support.bundles import CONTRACT, network

PATCHES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 2)).astype(np.float32)
TARGETS = PATCHES[..., :1] + 1


@dataclass
class Local:
    """A mean over 9 x 9 pixels: the receptive field that the contract states."""

    contract = CONTRACT
    bias: float = 0.0

    def __call__(self, batch):
        means = [uniform_filter(image[..., 0], 9, mode="constant") for image in batch]
        return np.stack(means)[..., None].astype(np.float32) + self.bias


class DependsOnTheTile(Local):
    """Takes the mean of its tile away, as instance normalisation does."""

    def __call__(self, batch):
        return super().__call__(batch) - batch[..., :1].mean((1, 2), keepdims=True)


class LooksFurther(Local):
    """Reads more than the contract states."""

    def __call__(self, batch):
        means = [uniform_filter(image[..., 0], 21, mode="constant") for image in batch]
        return np.stack(means)[..., None].astype(np.float32)


def test_a_local_network_has_no_seam():
    assert seam_error(Local(), PATCHES) < 1e-3


@pytest.mark.parametrize("session", [DependsOnTheTile(), LooksFurther()])
@pytest.mark.parametrize("brightness", [0.1, 1.0])
def test_a_network_that_depends_on_the_tile_has_one(session, brightness):
    assert seam_error(session, brightness * PATCHES) > 1


@pytest.mark.parametrize("change", [{"receptive_field": None}, {"tile_exact": False}])
def test_where_seams_are_in_the_nature_of_the_network_none_is_stated(change):
    session = Local()
    session.contract = replace(CONTRACT, **change)
    assert seam_error(session, PATCHES) is None


def test_a_keras_network_has_no_seam():
    assert seam_error(ReferenceSession(network(), CONTRACT), PATCHES) < 1e-3


def test_a_mosaic_repeats_what_is_too_little():
    image = mosaic(PATCHES, 40)
    assert image.shape == (40, 40, 2)
    np.testing.assert_array_equal(image[:16, :16], PATCHES[0])
    np.testing.assert_array_equal(image[16:32, :16], PATCHES[0])
    np.testing.assert_array_equal(image[:16, 16:32], PATCHES[1])


def test_an_entry_holds_the_patches_and_each_slide():
    slides = [ArraySlide(name, PATCHES[0, :15, :13], TARGETS[0, :15, :13]) for name in "ab"]
    measurement = Measurement(Local(), Evidence(PATCHES, TARGETS, slides))
    entry = measurement.entry(Local(bias=2.0), "onnx", "fp32", "onnxruntime")
    assert [m.what for m in entry.measured] == ["patches", "a", "b"]
    assert [m.pixels for m in entry.measured] == [3 * 16 * 16, 15 * 13, 15 * 13]
    assert all(m.largest == pytest.approx(2.0, abs=1e-4) for m in entry.measured)
    assert entry.device == "cpu"
    assert entry.version
    assert [(s.what, s.gain) for s in entry.stress] == [
        ("gain 1.5", 1.5), ("gain 3", 3.0), ("saturated", None),
    ]  # fmt: skip
    assert all(s.largest == pytest.approx(2.0, abs=1e-3) for s in entry.stress)


def test_brighter_images_end_at_the_largest_grey_level():
    bright = {what: images for what, _, images in brightened(PATCHES, 255.0)}
    assert bright["gain 1.5"].max() == bright["gain 3"].max() == 255
    assert bright["gain 3"].mean() > bright["gain 1.5"].mean() > PATCHES.mean()
    assert (bright["saturated"] == 255).all()
    assert bright["saturated"].shape == (1, 16, 16, 2)


def test_a_gpu_runtime_is_measured_on_its_own_device():
    measurement = Measurement(Local(), Evidence(PATCHES, TARGETS))
    assert measurement.entry(Local(), "tensorrt", "fp16", "tensorrt").device == "cuda"


@pytest.mark.parametrize(
    ("patches", "targets", "match"),
    [
        (PATCHES, TARGETS[:2], "targets of a certificate must be"),
        (PATCHES[:0], TARGETS[:0], "at least one image"),
        (PATCHES[:, :15], TARGETS[:, :15], "multiples of 2"),
        (PATCHES[..., :1], TARGETS, "takes 2 channels"),
        (np.where(PATCHES == 0, np.nan, PATCHES), TARGETS, "patches .* NaN"),
        (PATCHES, np.where(TARGETS < 9, np.inf, TARGETS), "targets .* infinite"),
    ],
)
def test_evidence_that_does_not_fit_is_refused(patches, targets, match):
    with pytest.raises(ContractError, match=match):
        Measurement(Local(), Evidence(patches, targets))


def test_a_slide_without_pixels_or_of_another_shape_is_refused():
    empty = ArraySlide("empty", PATCHES[0, :0], TARGETS[0, :0])
    wrong = ArraySlide("wrong", PATCHES[0], TARGETS[0, :8])
    for slide, match in ((empty, "has no pixels"), (wrong, "cannot be compared")):
        measurement = Measurement(Local(), Evidence(PATCHES, TARGETS, [slide]))
        with pytest.raises(ContractError, match=match):
            measurement.entry(Local(), "onnx", "fp32", "onnxruntime")
