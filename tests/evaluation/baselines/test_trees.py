"""The trees see each pixel as on the whole image, and are what scikit-learn fits to that."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score
from support.array_plane import ArrayPlane
from threadpoolctl import threadpool_limits

from hrpn_tf.evaluation import MeasuredSlide, fit_baselines
from hrpn_tf.evaluation.baselines import trees
from hrpn_tf.evaluation.baselines.baselines import DISTANCE, TREES, baseline_planes
from hrpn_tf.evaluation.baselines.trees import Features, TreesPlane, fit_trees, sample_pixels
from hrpn_tf.evaluation.baselines.vessel_distance import VesselDistance
from hrpn_tf.evaluation.planes import Window

SHAPE = (170, 200)


def image(seed: int) -> np.ndarray:
    """Blurred bright spots, uint8."""
    random = np.random.default_rng(seed)
    spots = gaussian_filter((random.random(SHAPE) > 0.995) * 3000.0, 3)
    return np.clip(spots + random.normal(20, 3, SHAPE), 0, 255).astype(np.uint8)


def features(seed: int, pixel_size_um: float = 2.0) -> Features:
    vessels, nuclei = ArrayPlane(image(seed)), ArrayPlane(image(seed + 100))
    return Features((vessels, nuclei), VesselDistance(vessels, 60.0, pixel_size_um), pixel_size_um)


def target(seed: int) -> ArrayPlane:
    """Depends on both inputs, smoothed by 8 um, and on nothing else."""
    near, cells = (gaussian_filter(image(s).astype(float), 4) for s in (seed, seed + 100))
    return ArrayPlane((near * cells / 30).astype(np.float32))


@pytest.mark.parametrize("pixel_size_um", [0.5, 2.0, 5.0])
def test_features_are_those_of_scipy_on_the_whole_image(pixel_size_um: float) -> None:
    got = features(0, pixel_size_um).read(Window(0, 0, *SHAPE))
    assert got.dtype == np.float32
    columns = []
    for each in (image(0), image(100)):
        columns.append(each.astype(float))
        for sigma in trees.SIGMAS_UM:
            smooth = gaussian_filter(each.astype(float), sigma / pixel_size_um)
            columns += [smooth, np.hypot(*np.gradient(smooth))]
    distance = distance_transform_edt(image(0) <= 60) * pixel_size_um
    columns.append(np.ceil(np.minimum(distance, 100)))
    np.testing.assert_allclose(got, np.stack(columns, axis=-1), atol=2e-3)


@pytest.mark.parametrize("side", [50, 64, 171])
def test_the_prediction_does_not_depend_on_the_window(side: int) -> None:
    plane = TreesPlane(fit_trees([(features(0), target(0))]), features(1))
    whole = plane.read(0, 0, *SHAPE)
    got = np.empty(SHAPE)
    for y in range(0, SHAPE[0], side):
        for x in range(0, SHAPE[1], side):
            height, width = min(side, SHAPE[0] - y), min(side, SHAPE[1] - x)
            got[y : y + side, x : x + side] = plane.read(y, x, height, width)
    same = np.isclose(got, whole, rtol=1e-9, atol=0)  # a rounding may cross a threshold
    assert same.mean() > 0.9999
    assert got.std() > 1


def test_they_equal_a_direct_fit_with_scikit_learn() -> None:
    """On all pixels, since the sample is larger than these slides."""
    seen = [(features(seed), target(seed)) for seed in (0, 1)]
    fitted = fit_trees(seen)
    whole = Window(0, 0, *SHAPE)
    table = np.concatenate([f.read(whole).reshape(-1, 27) for f, _ in seen])
    grey = np.concatenate([t.image.ravel() for _, t in seen]).astype(float)
    with threadpool_limits(1, user_api="openmp"):
        direct = HistGradientBoostingRegressor(**trees.SETTINGS).fit(table, grey)
    assert (fitted.pixels, fitted.slides) == (grey.size, 2)
    assert fitted.mse == pytest.approx(np.mean((direct.predict(table) - grey) ** 2), rel=1e-3)
    other = features(2)
    got = TreesPlane(fitted, other).read(0, 0, *SHAPE)
    expected = direct.predict(other.read(whole).reshape(-1, 27)).reshape(SHAPE)
    np.testing.assert_allclose(got, expected, rtol=0.02, atol=0.02 * expected.std())
    assert r2_score(target(2).image.ravel(), got.ravel()) > 0.8


def test_the_sample_is_even_and_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "SAMPLE", 900)
    monkeypatch.setattr(trees, "WINDOW", 40)
    monkeypatch.setattr(trees, "MAX_WINDOWS", 8)
    rows = np.indices(SHAPE)[0].astype(np.float32)
    slides = [(features(0), ArrayPlane(rows)), (features(1), ArrayPlane(rows + 1000))]
    table, grey = sample_pixels(slides)
    assert abs(len(grey) - 900) < 10
    assert len(table) == len(grey)
    assert abs((grey < 500).mean() - 0.5) < 0.01
    assert len(np.unique(grey[grey < 500] // 40)) > 2, "not from one corner"
    again = sample_pixels(slides)
    np.testing.assert_array_equal(table, again[0])
    np.testing.assert_array_equal(grey, again[1])


def measured(seed: int, vessel_role: str | None) -> MeasuredSlide:
    planes = features(seed).inputs
    return MeasuredSlide(
        name=str(seed),
        group=str(seed),
        subset="train",
        inputs=dict(zip(("vessels", "nuclei"), planes, strict=True)),
        target_role="qd",
        target=target(seed),
        vessel_role=vessel_role,
        pixel_size_um=2.0,
    )


@pytest.mark.parametrize("vessel_role", ["vessels", None])
def test_they_are_one_of_the_baselines(vessel_role: str | None) -> None:
    baselines = fit_baselines([measured(0, vessel_role)], trees=True)
    assert baselines.trees is not None
    columns = baselines.trees.model.n_features_in_
    assert columns == (27 if vessel_role else 26)
    planes = baseline_planes(measured(1, vessel_role), baselines)
    assert TREES in planes
    assert (DISTANCE in planes) == (vessel_role is not None)
    assert planes[TREES].read(3, 5, 7, 9).shape == (7, 9)
    assert baselines.to_json()["trees"]["training_slides"] == 1
    assert fit_baselines([measured(0, vessel_role)]).to_json()["trees"] is None
