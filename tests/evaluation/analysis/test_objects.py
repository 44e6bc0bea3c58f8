"""Tables per vessel and nucleus, against scikit-image, and against a target that is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from skimage.measure import label, perimeter_crofton
from support.array_plane import ArrayPlane
from support.plane_in_memory import RANGE

from hrpn_tf.config import SpatialConfig
from hrpn_tf.evaluation.analysis.measures import SlideAnalysis
from hrpn_tf.evaluation.analysis.objects import nucleus_table, stacked, vessel_table
from hrpn_tf.evaluation.spatial import measure
from hrpn_tf.evaluation.spatial.measure import SpatialSlide, measure_together
from hrpn_tf.evaluation.spatial.nuclei import GivenNuclei
from hrpn_tf.evaluation.spatial.vessels import find_vessels

SIZE, DECAY, BACKGROUND = 0.5, 6.0, 3.0
CONFIG = SpatialConfig(
    grid_um=20, block_um=25, max_distance_um=40, vessel_min_um2=1, background=BACKGROUND
)


def phantom() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vessels, nuclei, and a target that falls from each vessel, as bright as that one is."""
    y, x = np.mgrid[:170, :230]
    vessels = np.zeros((170, 230), int)
    for number, (row, column, radius) in enumerate(((50, 60, 9), (110, 165, 14)), start=1):
        vessels[np.hypot(y - row, x - column) <= radius] = number
    away, (i, j) = distance_transform_edt(vessels == 0, return_indices=True)
    strength = np.array([0, 20.0, 60.0])[vessels[i, j]]
    target = BACKGROUND + strength * np.exp(-away * SIZE / DECAY)
    nuclei = label((y % 24 < 8) & (x % 24 < 8))
    return vessels, nuclei, target


def analysed(scratch: Path) -> tuple[SlideAnalysis, np.ndarray, np.ndarray, np.ndarray]:
    vessels, nuclei, target = phantom()
    mask = ArrayPlane(vessels > 0)
    slide = SpatialSlide(
        name="s", group="m1", true=None, pred=ArrayPlane(target), tissue=None,
        vessels=find_vessels(mask, SIZE, CONFIG, scratch, "test"), vessel_source="a mask",
        nuclei=GivenNuclei(ArrayPlane(nuclei), 20), nucleus_source="labels", positive=12.0,
        regions={}, pixel_size_um=SIZE, stain=ArrayPlane(10.0 * vessels), per_vessel=True,
    )  # fmt: skip
    low, high = (replace(slide, pred=ArrayPlane(target + d), per_vessel=False) for d in (-1, 2))
    with pytest.MonkeyPatch.context() as patch:  # several windows
        patch.setattr(measure, "LEAST_WINDOW", 64)
        patch.setattr(measure, "LARGEST_WINDOW", 64)
        found = measure_together([slide, low, high], CONFIG, RANGE)
    return (
        SlideAnalysis(found[0], (found[1], found[2]), CONFIG, RANGE, "x"), vessels, nuclei, target
    )  # fmt: skip


def test_vessels_have_the_outline_of_scikit_image_and_the_decay_of_the_target(
    tmp_path: Path,
) -> None:
    slide, vessels, _, target = analysed(tmp_path)
    table = vessel_table(slide)
    away = distance_transform_edt(vessels == 0, return_indices=True)
    nearest = vessels[tuple(away[1])]
    for row in range(2):
        number = vessels[int(table["y_um"][row] / SIZE), int(table["x_um"][row] / SIZE)]
        own = vessels == number
        assert table["area_um2"][row] == own.sum() * SIZE**2
        expected = perimeter_crofton(own, directions=4) * SIZE
        assert table["perimeter_um"][row] == pytest.approx(expected)
        assert table["mean_stain"][row] == 10 * number
        ring = (nearest == number) & (away[0] > 0) & (away[0] * SIZE <= CONFIG.perivascular_um)
        assert table["surroundings"][row] == pytest.approx(target[ring].mean())
        assert table["surroundings_lower"][row] == pytest.approx(target[ring].mean() - 1)
        wall = ring & (away[0] * SIZE <= CONFIG.bin_um)
        assert table["wall"][row] == pytest.approx(target[wall].mean())
        assert table["decay_1_e_um"][row] == pytest.approx(DECAY, rel=0.05)
    assert set(table["condition"]) == {"x"}


def test_nuclei_have_their_distance_and_bounds(tmp_path: Path) -> None:
    slide, vessels, nuclei, target = analysed(tmp_path)
    table = nucleus_table(slide)
    distance = distance_transform_edt(vessels == 0) * SIZE
    least = 0.2 * np.pi * (CONFIG.nucleus_diameter_um / SIZE) ** 2 / 4
    assert len(table["nucleus"]) == (np.bincount(nuclei.ravel())[1:] >= least).sum()
    for row in range(0, len(table["nucleus"]), 7):
        y, x = (int(np.floor(table[name][row] / SIZE)) for name in ("y_um", "x_um"))
        own = nuclei == nuclei[y, x]
        assert table["value"][row] == pytest.approx(target[own].mean())
        assert table["upper"][row] - table["lower"][row] == pytest.approx(3)
        assert table["positive"][row] == (target[own].mean() > 12)
        if np.isfinite(table["distance_um"][row]):
            assert table["distance_um"][row] == distance[y, x]
        else:
            assert distance[y, x] > CONFIG.max_distance_um
    assert 0 < table["positive"].sum() < len(table["nucleus"])


def test_measures_rise_with_the_bounds_and_tables_are_stacked(tmp_path: Path) -> None:
    slide, *_ = analysed(tmp_path)
    values = slide.values
    mean = values["mean_intensity"]
    assert mean["bounds"] == pytest.approx([mean["value"] - 1, mean["value"] + 2])
    low, high = values["positive_nuclei_share"]["bounds"]
    assert low <= values["positive_nuclei_share"]["value"] <= high
    assert "bounds" not in values["depth_1_e_um"]
    assert values["depth_1_e_um"]["value"] == pytest.approx(DECAY, rel=0.1)
    assert values["extravasated_share"]["value"] < 1
    without = replace(slide, bounds=None)
    table = stacked([nucleus_table(slide), nucleus_table(without)])
    half = len(table["slide"]) // 2
    assert np.isfinite(table["lower"][:half]).all()
    assert np.isnan(table["lower"][half:]).all()
