"""Nuclei by windows against the whole image and scikit-image."""

import numpy as np
import pytest
from skimage.measure import regionprops_table
from skimage.segmentation import expand_labels
from support.array_plane import ArrayPlane

from hrpn_tf.config import load_config
from hrpn_tf.evaluation.planes import Window
from hrpn_tf.evaluation.spatial.nuclei import (
    GivenNuclei,
    NucleusMeans,
    SegmentedNuclei,
    joined,
    measure_nuclei,
    split_nuclei,
)
from hrpn_tf.evaluation.spatial.vessels import grey_levels, otsu
from hrpn_tf.simulation.phantom import make_phantom
from hrpn_tf.slides import iter_windows


def discs(seed: int = 0, side: int = 150, radius: float = 5.0) -> np.ndarray:
    """Labelled discs, many of them touching none."""
    random, labels = np.random.default_rng(seed), np.zeros((side, side), np.uint16)
    y, x = np.mgrid[:side, :side]
    for _ in range(200):
        centre = random.uniform(0, side, 2)
        inside = np.hypot(y - centre[0], x - centre[1]) <= radius
        if not labels[inside].any():
            labels[inside] = labels.max() + 1
    return labels


def by_windows(
    nuclei: object, true: np.ndarray, side: int, grown: float = 0.0, least: float = 1.0
) -> NucleusMeans:
    plane = ArrayPlane(true)
    return joined(
        measure_nuclei(
            nuclei, Window(*place), plane, plane, least_px=least, grown_px=grown  # type: ignore[arg-type]
        )
        for place in iter_windows(*true.shape, side)
    )  # fmt: skip


@pytest.mark.parametrize("side", [23, 64, 150])
@pytest.mark.parametrize("grown", [0.0, 2.0])
def test_given_labels_are_measured_once_each_as_scikit_image_does(side: int, grown: float) -> None:
    labels = discs()
    true = np.random.default_rng(1).gamma(2, 10, labels.shape)
    found = by_windows(GivenNuclei(ArrayPlane(labels), 20), true, side, grown)
    centres = regionprops_table(labels, properties=("centroid", "area"))
    measured = regionprops_table(expand_labels(labels, grown), true, properties=("mean_intensity",))
    assert len(found) == labels.max()
    order, expected = (np.lexsort(c) for c in (
        (found.x_px, found.y_px), (centres["centroid-1"], centres["centroid-0"]),
    ))  # fmt: skip
    np.testing.assert_allclose(found.y_px[order], centres["centroid-0"][expected])
    np.testing.assert_allclose(found.area_px[order], centres["area"][expected])
    np.testing.assert_allclose(found.true[order], measured["mean_intensity"][expected])


def test_touching_discs_are_split() -> None:
    y, x = np.mgrid[:60, :80]
    image = np.zeros((60, 80))
    for centre in ((30, 25), (30, 38), (30, 51)):
        image[np.hypot(y - centre[0], x - centre[1]) <= 8] = 100
    assert split_nuclei(image, 50, 16.0).max() == 3


def test_simulated_nuclei_are_found_whatever_the_windows() -> None:
    choices = ("slides=1", "groups=1", "height=420", "width=420", "floor_draws=2")
    config = load_config(overrides=[f"simulation.{c}" for c in choices]).simulation
    phantom = make_phantom(config, 0, 0)
    image = phantom.image[..., 1]
    nuclei = SegmentedNuclei(ArrayPlane(image), otsu(*grey_levels(ArrayPlane(image))), 17.0)
    target = phantom.image[..., 2]
    whole, parts = (by_windows(nuclei, target, side, 0.0, 45.0) for side in (420, 128))
    assert len(whole) == pytest.approx(phantom.report["parameters"]["nuclei"], rel=0.1)
    assert len(parts) == pytest.approx(len(whole), rel=0.01)
    assert parts.true.mean() == pytest.approx(whole.true.mean(), rel=0.01)


def test_an_image_without_nuclei_has_none() -> None:
    image = np.zeros((40, 40), np.uint8)
    assert len(by_windows(SegmentedNuclei(ArrayPlane(image), 5.0, 8.0), image, 20)) == 0
