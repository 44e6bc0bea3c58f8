"""Every metric against scikit-learn, scikit-image or scipy on the whole image."""

from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import pearsonr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from support.array_plane import ArrayPlane

from hrpn_tf.errors import SlideMismatchError
from hrpn_tf.evaluation.metric_values import metrics_of
from hrpn_tf.evaluation.pixel_errors import CompareSettings, compare
from hrpn_tf.evaluation.sums import Sums

SETTINGS = CompareSettings(peak=255.0, smooth_px=2.0, window=32)


def pair(
    shape: tuple[int, int] = (75, 101), dtype: str = "uint8", seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = np.clip(
        gaussian_filter(random.gamma(1, 30, shape), 1) + random.normal(0, 3, shape), 0, 255
    )
    pred = 0.8 * true + random.normal(0, 4, shape) - 2
    return true.astype(dtype), pred.astype(np.float32)


def reference(true: np.ndarray, pred: np.ndarray, peak: float = 255.0) -> dict[str, float]:
    """Every metric that is defined: those in 8 bits only where the true values are of that type."""
    wrapped = {}
    if true.dtype == np.uint8:
        wrapped = {"mse_8bit": wrapped_mse(true, pred)}
        wrapped["rmse_8bit"] = np.sqrt(wrapped["mse_8bit"])
    true, pred = true.astype(np.float64), pred.astype(np.float64)
    flat = true.ravel(), pred.ravel()
    return {
        "r2": r2_score(*flat),
        "r2_per_column": r2_score(true, pred, multioutput="uniform_average"),
        "pearson": pearsonr(*flat).statistic,
        "mse": mean_squared_error(*flat),
        "rmse": np.sqrt(mean_squared_error(*flat)),
        "mae": mean_absolute_error(*flat),
        "bias": np.mean(pred - true),
        "psnr": peak_signal_noise_ratio(true, pred, data_range=peak),
        "ssim": structural_similarity(true, pred, data_range=peak),
        **wrapped,
    }


def defined(sums: Sums, peak: float) -> dict[str, float]:
    """The metrics that have a value."""
    return {name: v for name, v in metrics_of(sums, peak).values.items() if v is not None}


def wrapped_mse(true: np.ndarray, pred: np.ndarray) -> float:
    """As a script gets it that reads two 8-bit images and computes with them as they are."""
    difference = np.clip(np.trunc(pred), 0, 255).astype(np.uint8) - true.astype(np.uint8)
    square: np.ndarray = difference**2
    assert square.dtype == np.uint8
    return float(square.mean())


@pytest.mark.parametrize("window", [7, 32, 1024])
@pytest.mark.parametrize("shape", [(75, 101), (7, 7), (8, 200)])
def test_whole_images_by_windows_of_any_size(window: int, shape: tuple[int, int]) -> None:
    true, pred = pair(shape)
    settings = replace(SETTINGS, window=window)
    sums = compare(ArrayPlane(pred), ArrayPlane(true), None, settings)
    views = {
        "float": (true, pred),
        "rounded": (true, np.clip(np.rint(pred), 0, 255)),
        "smoothed": (
            gaussian_filter(true.astype(float), 2.0),
            gaussian_filter(pred.astype(float), 2.0),
        ),
    }
    assert set(sums) == {(view, "whole") for view in views}
    for view, images in views.items():
        values = defined(sums[view, "whole"], 255.0)
        assert values == pytest.approx(reference(*images), rel=1e-8, abs=1e-9), view


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_percentiles_of_the_grey_levels(dtype: str) -> None:
    true, pred = pair((200, 150), dtype)
    sums = compare(ArrayPlane(pred), ArrayPlane(true), None, replace(SETTINGS, ssim=False))
    found = metrics_of(sums["float", "whole"], 255.0)
    for image, stated in ((true, found.true), (pred, found.predicted)):
        for name, share in (("p0.1", 0.1), ("p99.9", 99.9)):
            # in float32, NumPy 2.0 rounds the share, and takes the next pixel
            expected = float(np.percentile(image.astype(np.float64), share, method="inverted_cdf"))
            exact = image.dtype.kind == "u"
            assert stated[name] == pytest.approx(expected, rel=0 if exact else 1.1e-3, abs=1e-3)
    assert "p0.1" not in metrics_of(sums["smoothed", "whole"], 255.0).true


def test_errors_of_16_grey_levels_and_more_wrap_in_8_bits() -> None:
    true = np.array([[10, 10, 200, 0]], np.uint8)
    pred = np.array([[13.9, 30.0, 190.2, 300.0]], np.float32)
    sums = compare(ArrayPlane(pred), ArrayPlane(true), None, CompareSettings(255.0, ssim=False))
    found = metrics_of(sums["float", "whole"], 255.0).values
    assert found["mse_8bit"] == pytest.approx((9 + 20**2 % 256 + 100 + 255**2 % 256) / 4)
    tissue = metrics_of(sums["rounded", "whole"], 255.0).values
    assert tissue["mse_8bit"] == pytest.approx((16 + 20**2 % 256 + 100 + 255**2 % 256) / 4)


def test_sixteen_bits_are_rounded_to_sixteen_bits() -> None:
    true, pred = pair(dtype="uint16")
    true, pred = true * 200, pred * 200 + np.float32(0.3)
    settings = replace(SETTINGS, peak=65535.0)
    sums = compare(ArrayPlane(pred), ArrayPlane(true), None, settings)
    expected = reference(true, np.clip(np.rint(pred), 0, 65535), 65535.0)
    assert defined(sums["rounded", "whole"], 65535.0) == pytest.approx(expected, rel=1e-8)


def test_a_float_target_is_not_rounded_and_has_no_peak() -> None:
    true, pred = pair(dtype="float32")
    true += np.float32(0.5)
    sums = compare(ArrayPlane(pred), ArrayPlane(true), None, replace(SETTINGS, peak=None))
    assert {view for view, _ in sums} == {"float", "smoothed"}
    result = metrics_of(sums["float", "whole"], None)
    assert result.values["psnr"] is None
    assert "no peak" in result.undefined["psnr"]
    assert result.values["ssim"] is None
    assert result.undefined["ssim"] == "no peak"
    assert result.values["r2"] == pytest.approx(r2_score(true.astype(float).ravel(), pred.ravel()))


def test_tissue_only() -> None:
    true, pred = pair()
    mask = np.random.default_rng(1).random(true.shape) < 0.3
    sums = compare(ArrayPlane(pred), ArrayPlane(true), ArrayPlane(mask), SETTINGS)
    values = metrics_of(sums["float", "tissue"], 255.0).values
    t, p = true[mask].astype(float), pred[mask].astype(float)
    assert values["r2"] == pytest.approx(r2_score(t, p))
    assert values["mse"] == pytest.approx(mean_squared_error(t, p))
    assert values["pearson"] == pytest.approx(pearsonr(t, p).statistic)
    _, ssim = structural_similarity(
        true.astype(float), pred.astype(float), data_range=255, full=True
    )
    inner = np.zeros_like(mask)
    inner[3:-3, 3:-3] = mask[3:-3, 3:-3]
    assert values["ssim"] == pytest.approx(ssim[inner].mean())
    assert values["r2_per_column"] is None


def test_pooled_over_slides_of_different_size() -> None:
    pairs = [pair((40, 50), seed=1), pair((30, 80), seed=2), pair((64, 33), seed=3)]
    all_sums = [
        compare(ArrayPlane(p), ArrayPlane(t), None, SETTINGS)["float", "whole"] for t, p in pairs
    ]
    values = metrics_of(reduce(lambda a, b: a + b, all_sums), 255.0).values
    t, p = (np.concatenate([x[i].ravel().astype(float) for x in pairs]) for i in (0, 1))
    assert values["r2"] == pytest.approx(r2_score(t, p))
    assert values["pearson"] == pytest.approx(pearsonr(t, p).statistic)
    columns = np.concatenate([r2_score(*x, multioutput="raw_values") for x in pairs])
    assert values["r2_per_column"] == pytest.approx(columns.mean())


def test_constant_columns_count_as_in_scikit_learn() -> None:
    true, pred = pair((40, 30))
    true[:, 3], pred[:, 3] = 9, 9
    true[:, 5], pred[:, 5] = 9, 8
    result = metrics_of(
        compare(ArrayPlane(pred), ArrayPlane(true), None, SETTINGS)["float", "whole"], 255
    )
    expected = r2_score(true, pred, multioutput="uniform_average")
    assert result.values["r2_per_column"] == pytest.approx(expected)
    assert result.columns_constant == 2


def test_large_grey_levels_with_little_variation_keep_their_digits() -> None:
    random = np.random.default_rng(0)
    true = 60000 + random.normal(0, 0.01, (64, 64))
    pred = true + random.normal(0, 0.005, true.shape)
    sums = compare(ArrayPlane(pred), ArrayPlane(true), None, replace(SETTINGS, window=8))
    shifted = r2_score(true.ravel() - 60000, pred.ravel() - 60000)
    assert metrics_of(sums["float", "whole"], 255).values["r2"] == pytest.approx(shifted, rel=1e-6)


def test_a_constant_target_has_no_r2_and_says_why() -> None:
    true, pred = np.full((20, 20), 0.1, np.float32), pair((20, 20))[1]
    sums = compare(ArrayPlane(pred), ArrayPlane(true), None, replace(SETTINGS, window=7))
    result = metrics_of(sums["float", "whole"], 255.0)
    assert result.values["r2"] is None
    assert "constant" in result.undefined["r2"]
    assert result.values["pearson"] is None
    assert result.values["mse"] is not None


def test_a_perfect_and_a_constant_prediction() -> None:
    true, _ = pair()
    perfect = metrics_of(
        compare(ArrayPlane(true), ArrayPlane(true), None, SETTINGS)["float", "whole"], 255
    )
    assert perfect.values["r2"] == 1
    assert perfect.values["psnr"] is None
    assert "the error is zero" in perfect.undefined["psnr"]
    flat = np.full(true.shape, 3.0)
    constant = metrics_of(
        compare(ArrayPlane(flat), ArrayPlane(true), None, SETTINGS)["float", "whole"], 255
    )
    assert constant.values["pearson"] is None
    assert "constant" in constant.undefined["pearson"]
    assert constant.values["r2"] == pytest.approx(r2_score(true.ravel(), flat.ravel()))


def test_tissue_without_pixels_and_slides_too_small_for_ssim() -> None:
    true, pred = pair((5, 90))
    nothing = ArrayPlane(np.zeros(true.shape, bool))
    sums = compare(ArrayPlane(pred), ArrayPlane(true), nothing, SETTINGS)
    assert set(metrics_of(sums["float", "tissue"], 255.0).undefined.values()) == {"no pixels"}
    whole = metrics_of(sums["float", "whole"], 255.0)
    assert whole.values["ssim"] is None
    assert "7 x 7" in whole.undefined["ssim"]


def test_slides_of_different_size_are_refused() -> None:
    with pytest.raises(SlideMismatchError, match=r"predicted 20 x 30 px, measured 20 x 31 px"):
        compare(ArrayPlane(np.zeros((20, 30))), ArrayPlane(np.zeros((20, 31))), None, SETTINGS)


def test_published_psnr_and_mse_contradict_each_other() -> None:
    """What docs/guide/evaluate.md says about the published figures."""
    assert 10 * np.log10(255**2 / 1.434) == pytest.approx(46.57, abs=0.005)
    mse = 255**2 / 10 ** (44.548 / 10)
    assert mse == pytest.approx(2.28, abs=0.005)
    assert mse**0.5 == pytest.approx(1.51, abs=0.005)


def test_a_square_in_8_bits_wraps_and_makes_the_mse_too_small() -> None:
    """What docs/guide/evaluate.md infers about the published MSE: exact below 16 grey levels."""
    difference = np.arange(-255, 256)
    true = np.maximum(0, -difference).astype(np.uint8)
    predicted = np.maximum(0, difference).astype(np.uint8)
    apart = predicted - true  # 8 bits, as an image that was read from a file
    wrapped = (apart * apart).astype(np.int64)
    exact = difference.astype(np.int64) ** 2
    np.testing.assert_array_equal(wrapped, exact % 256)
    assert (wrapped == exact)[np.abs(difference) < 16].all()
    assert (wrapped < exact)[np.abs(difference) >= 16].all()
