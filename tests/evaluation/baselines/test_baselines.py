import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from sklearn.metrics import mean_squared_error, r2_score
from support.array_plane import ArrayPlane

from hrpn_tf.evaluation import MeasuredSlide, fit_baselines
from hrpn_tf.evaluation.baselines import vessel_distance as baselines
from hrpn_tf.evaluation.baselines.vessel_distance import DistancePlane, fit_profile, vessel_distance
from hrpn_tf.evaluation.planes import Window


def vessels(shape: tuple[int, int] = (300, 340), seed: int = 0) -> np.ndarray:
    """Bright discs on a dark, noisy ground."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    image = random.normal(10, 2, shape)
    for y, x in random.uniform((0, 0), shape, (6, 2)):
        image[(rows - y) ** 2 + (columns - x) ** 2 < 36] += 80
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("pixel_size_um", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("side", [50, 1000])
def test_distances_by_windows_are_those_of_the_whole_image(pixel_size_um: float, side: int) -> None:
    image = vessels()
    distance = vessel_distance(ArrayPlane(image), pixel_size_um, "linear")
    assert 15 < distance.threshold < 80
    exact = distance_transform_edt(image <= distance.threshold) * pixel_size_um
    expected = np.ceil(np.minimum(exact, baselines.MAX_UM) / baselines.BIN_UM)
    got = np.empty(image.shape)
    for y in range(0, 300, side):
        for x in range(0, 340, side):
            window = Window(y, x, min(side, 300 - y), min(side, 340 - x))
            got[y : y + side, x : x + side] = distance.bins(window)
    np.testing.assert_array_equal(got, expected)


def test_the_profile_recovers_a_planted_decay() -> None:
    """Intensity 50 exp(-d / 20 um) is found again, and explains another slide."""
    pairs = []
    for seed in range(3):
        distance = vessel_distance(ArrayPlane(vessels(seed=seed)), 0.5, "linear")
        true = distance_transform_edt(distance.vessels.image <= distance.threshold) * 0.5  # type: ignore[attr-defined]
        pairs.append((distance, ArrayPlane((50 * np.exp(-true / 20)).astype(np.float32))))
    profile = fit_profile(pairs[:2])
    assert profile.intensity is not None
    assert profile.intensity[0] == pytest.approx(50)
    centres = np.arange(1, 40) - 0.5
    np.testing.assert_allclose(profile.intensity[1:40], 50 * np.exp(-centres / 20), rtol=0.03)
    distance, target = pairs[2]
    plane = DistancePlane(distance, profile.intensity)
    predicted = plane.read(0, 0, plane.height, plane.width)
    assert r2_score(target.image.ravel(), predicted.ravel()) > 0.99


def test_without_a_vessel_channel_there_is_only_the_mean() -> None:
    image = vessels()
    profile = fit_profile([(None, ArrayPlane(image)), (None, ArrayPlane(image * 0))])
    assert profile.intensity is None
    assert profile.mean == pytest.approx(image.mean() / 2)
    assert profile.to_json()["intensity"] == []


@pytest.mark.parametrize("scale", ["linear", "logarithmic"])
def test_a_slide_without_contrast_has_no_vessel(scale: baselines.Scale) -> None:
    distance = vessel_distance(ArrayPlane(np.full((40, 40), 7, np.uint8)), 1.0, scale)
    assert (distance.bins(Window(0, 0, 40, 40)) == baselines.MAX_UM).all()


def test_all_vessel_leaves_no_gap_in_the_profile() -> None:
    image = np.full((60, 60), 100, np.uint8)
    image[0, 0] = 0
    distance = vessel_distance(ArrayPlane(image), 1.0, "linear")
    profile = fit_profile([(distance, ArrayPlane(image))])
    assert profile.intensity is not None
    assert np.isfinite(profile.intensity).all()


def test_large_slides_are_sampled_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "MAX_WINDOWS", 4)
    monkeypatch.setattr(baselines, "WINDOW", 10)
    image = np.repeat(np.arange(100, dtype=np.uint8), 100).reshape(100, 100)
    profile = fit_profile([(None, ArrayPlane(image))])
    assert profile.mean == pytest.approx(image.mean(), abs=5)


def test_the_error_on_the_training_slides_is_that_of_their_prediction() -> None:
    image = vessels()
    target = np.random.default_rng(0).integers(0, 60, image.shape).astype(np.uint8)
    distance = vessel_distance(ArrayPlane(image), 1.0, "linear")
    profile = fit_profile([(distance, ArrayPlane(target))])
    assert profile.intensity is not None
    predicted = DistancePlane(distance, profile.intensity).read(0, 0, *image.shape)
    assert profile.mse == pytest.approx(mean_squared_error(target.ravel(), predicted.ravel()))


def test_faint_vessels_count_if_that_explains_the_target_better() -> None:
    """Three bright and many faint discs: only on a logarithmic scale are the faint ones vessels."""
    random = np.random.default_rng(0)
    rows, columns = np.indices((300, 300))
    image = np.full((300, 300), 3.0)
    for i, (y, x) in enumerate(random.uniform(0, 300, (30, 2))):
        image[(rows - y) ** 2 + (columns - x) ** 2 < 64] = 250 if i < 3 else 25
    near = np.exp(-distance_transform_edt(image < 20) / 10)
    slide = MeasuredSlide(
        name="a",
        group="a",
        subset="train",
        inputs={"vessels": ArrayPlane(image.astype(np.uint8))},
        target_role="qd",
        target=ArrayPlane((40 * near).astype(np.float32)),
        vessel_role="vessels",
        pixel_size_um=0.5,
    )
    profile = fit_baselines([slide]).profile
    assert profile.scale == "logarithmic"
    assert profile.mse < 0.5
