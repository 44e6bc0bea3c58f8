"""Vessels and distances of a slide seen by windows, against scikit-image and SciPy on the whole."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.filters import threshold_multiotsu, threshold_otsu
from skimage.measure import label, regionprops
from skimage.morphology import remove_small_holes, remove_small_objects
from support.array_plane import ArrayPlane

from hrpn_tf.config import SpatialConfig
from hrpn_tf.errors import VesselsError
from hrpn_tf.evaluation.planes import Window
from hrpn_tf.evaluation.spatial import components, lumens
from hrpn_tf.evaluation.spatial.components import label_components
from hrpn_tf.evaluation.spatial.vessels import (
    NearestVessel,
    find_stain,
    find_vessels,
    vessel_threshold,
)
from hrpn_tf.slides import iter_windows


def blobs(seed: int, shape: tuple[int, int], share: float, sigma: float) -> np.ndarray:
    field = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma)
    return field > np.quantile(field, 1 - share)


masks = st.builds(
    blobs,
    st.integers(0, 10_000),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.floats(0.05, 0.8),
    st.floats(0, 2),
)


@given(masks, st.booleans(), st.integers(3, 17))
@settings(max_examples=25)
def test_components_are_those_of_the_whole_mask(
    mask: np.ndarray, diagonal: bool, side: int
) -> None:
    import tempfile

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(components, "WINDOW", side)
        found = label_components(ArrayPlane(mask), Path(folder) / "labels", diagonal)
        expected = label(mask, connectivity=2 if diagonal else 1)
        ours = found.labels.read(0, 0, *mask.shape)
    assert len(found) == expected.max()
    pairs = {tuple(p) for p in np.stack([ours.ravel(), expected.ravel()], axis=1).tolist()}
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
    for one, other in pairs - {(0, 0)}:
        props = regionprops((expected == other).astype(np.uint8))[0]
        assert found.area_px[one - 1] == props.area
        assert (found.y_px[one - 1], found.x_px[one - 1]) == pytest.approx(props.centroid)


@given(masks, st.integers(1, 12), st.floats(0.3, 9.0), st.floats(0.2, 2.0))
@settings(max_examples=60)
def test_distances_are_exact_up_to_the_farthest_whatever_the_windows(
    mask: np.ndarray, side: int, max_um: float, pixel_um: float
) -> None:
    labels = label(mask, connectivity=2)
    whole = distance_transform_edt(labels == 0) * pixel_um if labels.any() else np.inf * ~mask
    whole = np.where(mask, 0, whole)
    nearest = NearestVessel(ArrayPlane(labels), pixel_um, max_um)
    for place in iter_windows(*mask.shape, side):
        window = Window(*place)
        um, number = nearest.read(window)
        y, x, height, width = place
        expected = whole[y : y + height, x : x + width]
        near = expected <= max_um
        np.testing.assert_array_equal(um[near], expected[near])
        assert np.isinf(um[~near]).all()
        assert (number[~near] == 0).all()
        for row, column in np.argwhere(near):  # that vessel is as near as the nearest one
            own = distance_transform_edt(labels != number[row, column]) * pixel_um
            assert own[y + row, x + column] == expected[row, column]
            break


def test_lumens_are_filled_and_specks_removed_as_scikit_image_does(tmp_path: Path) -> None:
    pytest.importorskip("skimage", minversion="0.26", reason="max_size is new")
    mask = blobs(3, (90, 110), 0.55, 1.2)
    config = SpatialConfig(lumen_um2=30.0, vessel_min_um2=40.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "WINDOW", 32)
        found = find_vessels(ArrayPlane(mask), 1.0, config, tmp_path, "test")
    filled = remove_small_holes(mask, max_size=30)
    expected = remove_small_objects(filled, max_size=39, connectivity=2)
    assert filled.sum() > mask.sum()
    assert expected.sum() < filled.sum()
    np.testing.assert_array_equal(found.labels.read(0, 0, 90, 110) > 0, expected)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((20, 30), bool), "no vessel; check the mask"),
        (np.eye(70, dtype=bool), "no vessel, but 1 speck smaller than 200 um2"),
        (np.ones((20, 30), bool), "every pixel is vessel"),
    ],
)
def test_no_vessel_and_nothing_but_vessel_are_errors(
    mask: np.ndarray, message: str, tmp_path: Path
) -> None:
    config = SpatialConfig(vessel_min_um2=200.0)
    with pytest.raises(VesselsError, match=message):
        find_vessels(ArrayPlane(mask), 1.0, config, tmp_path, "slide-1 (a mask)")


def test_one_hole_that_is_filled_leaves_nothing_but_vessel(tmp_path: Path) -> None:
    mask = np.ones((20, 30), bool)
    mask[5:7, 5:7] = False
    with pytest.raises(VesselsError, match="every pixel"):
        find_vessels(ArrayPlane(mask), 1.0, SpatialConfig(), tmp_path, "test")


def test_thresholds_are_those_of_scikit_image() -> None:
    random = np.random.default_rng(0)
    image = np.concatenate(
        [random.poisson(level, (20, 200)) for level in (1, 8, 60)]
    ).astype(np.uint8)  # fmt: skip
    plane = ArrayPlane(image)
    assert vessel_threshold(plane, SpatialConfig(vessel_threshold=12.5)) == 12.5
    ours = vessel_threshold(plane, SpatialConfig(vessel_threshold="otsu"))
    assert abs(ours - threshold_otsu(image)) <= 1
    ours = vessel_threshold(plane, SpatialConfig())
    logs = np.log1p(image.astype(float))
    assert ours == pytest.approx(np.expm1(threshold_multiotsu(logs, classes=3)[-1]), rel=0.05)
    assert 15 < ours < 50
    flat = ArrayPlane(np.full((50, 50), 7, np.uint8))
    assert vessel_threshold(flat, SpatialConfig()) == 7  # nothing is above it


def stained(shape: tuple[int, int] = (120, 150)) -> np.ndarray:
    """A vessel channel: glass 1 at the left, tissue 10, and round vessels of wall 60, lumen 1."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.where(x < 20, 1.0, 10.0)
    # a closed ring, one with a gap of a quarter, one that the edge of the slide cuts, and a tear
    for row, column, wall in ((40, 60, True), (40, 110, True), (119, 70, True), (90, 120, False)):
        away = np.hypot(y - row, x - column)
        image[away < 17] = 1.0
        if wall:
            image[(away >= 17) & (away < 20)] = 60.0
    image[23:40, 110:128][image[23:40, 110:128] > 20] = 10.0
    return np.random.default_rng(0).poisson(4 * image) / 4  # some noise


def test_lumens_are_dark_areas_with_a_wall_though_it_is_open_or_cut(tmp_path: Path) -> None:
    image = stained()
    plane, config = ArrayPlane(image), SpatialConfig(lumen_um2=10.0)
    stain = find_stain(plane, config)
    assert stain.dark is not None
    assert 1 <= stain.dark < 10 <= stain.vessel < 60
    masks = []
    for side in (1024, 32):  # windows change nothing
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(components, "WINDOW", side)
            patch.setattr(lumens, "WINDOW", side)
            scratch = tmp_path / str(side)
            scratch.mkdir()
            found = find_vessels(stain.wall, 1.0, config, scratch, "test", stain)
        masks.append(found.labels.read(0, 0, *image.shape) > 0)
    np.testing.assert_array_equal(*masks)
    mask = masks[0]
    y, x = np.mgrid[:120, :150]
    for row, column, full in ((40, 60, 1), (40, 110, 1), (119, 70, 1), (90, 120, 0)):
        inside = np.hypot(y - row, x - column) < 14  # closed, open, cut by the edge; a tear
        assert mask[inside].mean() == full
    assert not mask[:, :18].any()  # glass
    assert not mask[65:75, 75:95].any()  # tissue


def test_without_filling_of_empty_lumens_only_small_holes_are_filled(tmp_path: Path) -> None:
    plane, config = ArrayPlane(stained()), SpatialConfig(empty_lumen_um2=0)
    stain, masks = find_stain(plane, config), []
    for number, filled_by in enumerate((stain, None)):
        scratch = tmp_path / str(number)
        scratch.mkdir()
        found = find_vessels(stain.wall, 1.0, config, scratch, "test", filled_by)
        masks.append(found.labels.read(0, 0, 120, 150))
    np.testing.assert_array_equal(*masks)
    assert masks[0][40, 60]  # closed, and smaller than lumen_um2
    assert not masks[0][40, 110]
