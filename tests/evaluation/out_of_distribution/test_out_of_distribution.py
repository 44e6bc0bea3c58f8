"""Statistics of a slide, limits, and the judgement, on textures that take milliseconds."""

import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, zoom
from scipy.stats import wasserstein_distance
from sklearn.covariance import LedoitWolf

from hrpn_tf.errors import TrainingProfileError
from hrpn_tf.evaluation.out_of_distribution import (
    Judgement,
    TrainingProfile,
    choose_windows,
    describe,
    judge,
    learn_profile,
    load_profile,
    save_profile,
)
from hrpn_tf.evaluation.out_of_distribution.feature_space import fit_feature_space
from hrpn_tf.evaluation.out_of_distribution.limits import upper_limit
from hrpn_tf.evaluation.out_of_distribution.profile import reference_of
from hrpn_tf.evaluation.out_of_distribution.resolution import unnoticed
from hrpn_tf.evaluation.out_of_distribution.statistics import SlideStatistics, structure_size

SIDE, WINDOWS = 96, 6


def windows(seed: int, dtype: str = "uint8", channels: int = 2) -> list[np.ndarray]:
    """Blobs of 3 and 6 px, brighter in the second channel; slides differ by a few per cent."""
    rng = np.random.default_rng(seed)
    stain = np.exp(0.03 * rng.standard_normal(channels))
    planes = []
    for channel in range(channels):
        noise = rng.standard_normal((WINDOWS, SIDE, SIDE))
        field = gaussian_filter(noise, (0, 3 * (channel + 1), 3 * (channel + 1)))
        level = (20 + 30 * channel) * stain[channel]
        planes.append(level * np.exp(field / field.std() * 0.5))
    image = np.stack(planes, axis=-1)
    if dtype == "uint8":
        return list(np.clip(np.rint(image), 0, 255).astype(np.uint8))
    scale = {"uint16": 200.0, "float32": 1e-3}[dtype]
    return list((image * scale).astype(dtype))


def features(batch: np.ndarray) -> np.ndarray:
    """Something that depends on what a window shows: means of the channels and of gradients."""
    steps = np.abs(np.diff(batch, axis=1)).mean(axis=(1, 2))
    return np.concatenate([np.sqrt(batch.mean(axis=(1, 2))), np.sqrt(steps)], axis=-1)


def profile_of(
    slides: int, dtype: str = "uint8", change: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> TrainingProfile:
    found = {
        f"slide-{i}": (f"animal-{i}", describe([change(w) for w in windows(i, dtype)], features))
        for i in range(slides)
    }
    return learn_profile(("vessels", "nuclei"), found, SIDE)


@pytest.fixture(scope="module")
def profile() -> TrainingProfile:
    return profile_of(6)


def judged(
    profile: TrainingProfile,
    change: Callable[[np.ndarray], np.ndarray] = np.asarray,
    seed: int = 100,
    dtype: str = "uint8",
) -> Judgement:
    return judge(profile, describe([change(w) for w in windows(seed, dtype)], features))


def test_features_of_another_network_are_left_out(profile: TrainingProfile) -> None:
    other = describe(windows(100), lambda batch: features(batch)[:, :3])
    judgement = judge(profile, other)
    assert "features of the network" not in judgement.scores
    assert any("is of another network" in reason for reason in judgement.left_out)


def test_grey_levels_are_compared_by_the_wasserstein_distance(profile: TrainingProfile) -> None:
    slide = describe(windows(100))
    reference = reference_of(profile)
    for channel in range(2):
        own = np.arcsinh(slide.quantiles[channel] / reference.scale[channel])
        expected = wasserstein_distance(own, reference.quantiles[channel])
        assert reference.distances(slide).grey[channel] == pytest.approx(expected, rel=1e-9)


def test_the_size_of_structures_is_that_of_a_gaussian_field() -> None:
    # smoothed with sigma, its semivariance at h is variance * (1 - exp(-h**2 / (4 sigma**2)))
    rng, sigma = np.random.default_rng(0), 4.0
    field = gaussian_filter(rng.standard_normal((900, 900)), sigma)
    plane = 100 + field / field.std()  # so little varied that its root is, too
    half = (1 + 1 - np.exp(-1 / (4 * sigma**2))) / 2
    expected = 2 * sigma * np.sqrt(-np.log(1 - half))
    assert structure_size([plane]) == pytest.approx(expected, rel=0.05)
    assert structure_size([3 * plane]) == pytest.approx(structure_size([plane]), rel=1e-3)
    twice = zoom(plane[:450, :450], 2, order=1)
    assert structure_size([twice]) / structure_size([plane]) == pytest.approx(2, rel=0.1)


def test_a_constant_channel_has_no_size() -> None:
    assert np.isnan(structure_size([np.full((64, 64), 7.0)]))
    assert np.isnan(structure_size([np.random.default_rng(0).random((2, 2))]))
    assert structure_size([np.random.default_rng(0).random((64, 64))]) < 2  # noise alone


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.integers(1, 40))
def test_windows_are_full_of_tissue_where_there_are_enough(shares: list[float], count: int) -> None:
    values = np.array(shares)
    chosen = choose_windows(values, count)
    assert 1 <= len(chosen) <= count
    assert (np.diff(chosen) > 0).all()
    full = int((values >= 0.95).sum())
    if full >= min(8, count):
        assert (values[chosen] >= 0.95).all()
        assert len(chosen) == min(full, count)
    else:
        assert values[chosen].max() == values.max()


def test_the_limit_is_exceeded_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(10, 1, (4000, 7))
    over = [row[6] > (upper_limit(row[:6], 0.05, 0.0) or 0) for row in draws]
    assert np.mean(over) == pytest.approx(0.05, abs=0.012)
    assert upper_limit(np.ones(2), 0.05, 0.0) is None


def test_features_are_compared_by_mahalanobis_distance() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(5, 5))
    slides = [rng.normal(size=(20, 5)) @ mixing + rng.normal(size=5) for _ in range(4)]
    space = fit_feature_space(slides)
    around = np.concatenate([s - s.mean(axis=0) for s in slides])
    scale = around.std(axis=0)
    other = LedoitWolf(assume_centered=True).fit(around / scale)
    new = rng.normal(size=(20, 5)) + 3
    difference = (new.mean(axis=0) - np.mean([s.mean(axis=0) for s in slides], axis=0)) / scale
    expected = np.sqrt(other.mahalanobis(difference[None])[0] / 5)
    assert space.distance(new) == pytest.approx(expected, rel=1e-6)


@pytest.mark.filterwarnings("error")
def test_a_single_window_is_learnt_without_a_word_from_scikit_learn() -> None:
    space = fit_feature_space([np.array([[1.0, 2.0]])])
    assert space.mean.tolist() == [1, 2]
    assert space.distance(np.array([[1.0, 2.0]])) == 0
    assert np.isfinite(space.whitening).all()


def test_slides_of_the_same_kind_are_quiet(profile: TrainingProfile) -> None:
    out = [judged(profile, seed=seed).is_out for seed in range(100, 130)]
    assert sum(out) <= 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: np.clip(w * 3.0, 0, 255), "channel vessels is brighter than every training"),
        (lambda w: w / 3.0, "channel nuclei is darker than every training slide: median"),
        (lambda w: w[..., ::-1], "channels vessels and nuclei look swapped"),
        (lambda w: w[::2, ::2], "shows is finer than in the training slides, 0.5"),
        (lambda w: zoom(w, (2, 2, 1), order=1)[:SIDE, :SIDE], "shows is coarser than"),
        (lambda w: np.stack([w[..., 0], np.full_like(w[..., 1], 5)], axis=-1), "nuclei is darker"),
    ],
)
def test_other_slides_are_told_apart_with_a_reason(
    profile: TrainingProfile, change: Callable[[np.ndarray], np.ndarray], said: str
) -> None:
    judgement = judged(profile, change)
    assert judgement.is_out
    assert said in "; ".join(judgement.reasons)
    assert judgement.to_json()["out_of_distribution"] is True


def test_a_size_that_a_training_slide_has_is_not_said_to_be_beyond_all(
    profile: TrainingProfile,
) -> None:
    """One slide of a mixed training set may be as coarse; most are not."""
    sizes = profile.structure_px.copy()
    sizes[0] = 3 * sizes.max(axis=0)
    mixed = replace(profile, structure_px=sizes)
    judgement = judged(mixed, lambda w: zoom(w, (2, 2, 1), order=1)[:SIDE, :SIDE])
    reasons = "; ".join(judgement.reasons)
    assert "coarser than in most training slides" in reasons
    assert " px on average)" in reasons


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_any_range_of_grey_levels_will_do(dtype: str) -> None:
    profile = profile_of(5, dtype)
    assert not judged(profile, dtype=dtype).is_out
    assert judged(profile, lambda w: w * 3, dtype=dtype).is_out
    assert judged(profile, lambda w: w - w.mean(), dtype=dtype).is_out  # negative, too


def test_a_channel_that_is_constant_in_training_is_left_out() -> None:
    def flat(window: np.ndarray) -> np.ndarray:
        return np.stack([window[..., 0], np.zeros_like(window[..., 1])], axis=-1)

    profile = profile_of(4, change=flat)
    judgement = judged(profile, flat)
    assert not judgement.is_out
    assert "structure of nuclei: a constant channel" in judgement.left_out
    assert judged(profile).is_out


def test_few_slides_teach_no_limits() -> None:
    judgement = judged(profile_of(2), lambda w: w * 3)
    assert judgement.score is None
    assert not judgement.is_out
    assert judgement.left_out == (
        "2 training slides do not tell how much slides of their kind differ; that takes 3",
    )
    assert judgement.to_json()["out_of_distribution"] is None
    assert judgement.to_json()["caution"].startswith("not compared with the training slides: 2 ")


@pytest.mark.parametrize("slides", [3, 8])
def test_a_judgement_says_what_it_cannot_notice(slides: int) -> None:
    """The factors of brightness that it names are those at which a slide like others is noticed."""
    profile = profile_of(slides)
    low, high = unnoticed(profile)["vessels"]
    assert low < 1 < high
    reference = reference_of(profile)
    limit = profile.grey_limits[0]
    for factor in (low, high):
        average = np.sinh(reference.quantiles) * reference.scale[:, None]
        slide = SlideStatistics(factor * average, profile.structure_px[0], None, 6)
        assert reference.distances(slide).grey[0] == pytest.approx(limit, rel=1e-3)
    found = judged(profile).to_json()
    assert found["unnoticed"]["vessels"] == pytest.approx([low, high], rel=0.01)
    assert f"{slides} training slides of {slides} groups tell little" in found["caution"]
    assert f"vessels {low:.2g} to {high:.2g} times as bright" in found["caution"]


def test_slides_of_one_animal_are_left_out_together() -> None:
    twins = {
        f"{group}{i}": (str(group), describe(windows(group))) for group in range(4) for i in (0, 1)
    }
    alone = {str(group): (str(group), describe(windows(group))) for group in range(4)}
    channels = ("vessels", "nuclei")
    both = [learn_profile(channels, slides, SIDE).grey_limits for slides in (twins, alone)]
    np.testing.assert_allclose(both[0], both[1])


def test_without_features_the_rest_is_compared(profile: TrainingProfile) -> None:
    judgement = judge(profile, describe(windows(100)))
    assert len(judgement.scores) == 4
    assert judgement.left_out[-1] == "features of the network: they need its Keras model"


def test_features_alone_can_tell(profile: TrainingProfile) -> None:
    slide = describe(windows(100), features)
    assert slide.features is not None
    moved = SlideStatistics(slide.quantiles, slide.structure_px, slide.features + 50, 6)
    (reason,) = judge(profile, moved).reasons
    assert "the network's features are" in reason


def test_a_profile_comes_back_from_its_file(profile: TrainingProfile, tmp_path: Path) -> None:
    save_profile(profile, tmp_path / "p.npz")
    back = load_profile(tmp_path / "p.npz")
    assert (back.channels, back.slides, back.groups) == (
        profile.channels,
        profile.slides,
        profile.groups,
    )
    first, second = judged(profile), judged(back)
    assert first.scores == pytest.approx(second.scores, rel=1e-4)


def test_a_damaged_file_is_a_named_error(profile: TrainingProfile, tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    save_profile(profile, path)
    whole = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)

    def damaged(**changes: object) -> None:
        np.savez(path, **{**arrays, **changes})

    for spoil in (
        lambda: path.write_bytes(whole[: len(whole) // 2]),
        lambda: path.write_bytes(b"nothing"),
        lambda: path.unlink(),
        lambda: damaged(schema=np.array(2)),
        lambda: damaged(slides=np.array(["one"])),
        lambda: damaged(grey_limits=np.array([1.0, -1.0])),
        lambda: damaged(quantiles=np.full_like(arrays["quantiles"], np.nan)),
        lambda: damaged(channels=np.array([{}, {}], dtype=object)),  # a pickle
        lambda: damaged(junk=np.zeros(2**23 + 1)),
    ):
        spoil()
        with pytest.raises(TrainingProfileError, match=r"p\.npz: .*hrpn-tf describe-training"):
            load_profile(path)
    headers = (
        "'shape': (2000000000,), ",
        "'shape': (-1,), ",
        "'shape': (2000000000, 0), ",
        "x" * 99,
    )
    contents = [
        b"\x93NUMPY",
        *(npy(f"{{'descr': '<f8', 'fortran_order': False, {h}}}") for h in headers),
    ]
    contents.append(
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",), }")
    )
    for content in contents:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("schema.npy", content)
        with pytest.raises(TrainingProfileError, match="damaged"):
            load_profile(path)


def npy(header: str) -> bytes:
    """An array file with a header of one's own, and a few bytes."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n" * 101
