"""Outlines of labelled pixels: the same area, closed, with holes, whatever the windows."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from scipy import ndimage
from support.array_plane import ArrayPlane

from hrpn_tf.evaluation.qupath import outlines
from hrpn_tf.evaluation.qupath.contours import find_contour
from hrpn_tf.evaluation.qupath.outlines import (
    TOLERANCE,
    Spool,
    merged,
    outlines_by_label,
    outlines_of,
    simplified,
)


def blobs(seed: int, sigma: float, shape: tuple[int, int] = (150, 170)) -> np.ndarray:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma)
    return ndimage.label(field > np.quantile(field, 0.6), np.ones((3, 3)))[0]


@pytest.mark.parametrize(("seed", "sigma"), [(0, 0.6), (1, 2.0), (2, 5.0)])
def test_areas_are_those_of_the_pixels_and_simplifying_moves_less_than_a_pixel(
    seed: int, sigma: float
) -> None:
    labels = blobs(seed, sigma)
    polygons, numbers = outlines_of(labels)
    assert shapely.is_valid(polygons).all()
    areas = np.bincount(numbers, shapely.area(polygons))
    np.testing.assert_array_equal(areas[1:], np.bincount(labels.ravel())[1:])
    simple = simplified(polygons)
    assert shapely.is_valid(simple).all()
    off = np.abs(shapely.area(simple) - shapely.area(polygons))
    assert (off <= TOLERANCE * shapely.length(polygons)).all()
    assert np.abs(off.sum() / shapely.area(polygons).sum()) < 0.2
    assert shapely.get_num_interior_rings(simple).sum() == (
        shapely.get_num_interior_rings(polygons).sum()
    )
    assert shapely.get_num_coordinates(simple).sum() < shapely.get_num_coordinates(polygons).sum()


def test_windows_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = blobs(3, 6.0)
    count = int(labels.max())
    whole = [merged(pieces) for _, pieces in outlines_by_label(ArrayPlane(labels), count)]
    monkeypatch.setattr(outlines, "WINDOW", 41)
    parts = [merged(pieces) for _, pieces in outlines_by_label(ArrayPlane(labels), count)]
    assert shapely.equals(whole, parts).all()


def test_a_lumen_is_a_hole_and_a_tissue_island_in_it_is_kept() -> None:
    labels = np.ones((40, 40), int)
    labels[5:30, 5:30] = 0
    labels[10:20, 10:20] = 1
    _, pieces = next(outlines_by_label(ArrayPlane(labels), 1))
    found = simplified(np.array([merged(pieces)], object))[0]
    assert found.geom_type == "MultiPolygon"
    assert found.area == (labels == 1).sum()
    assert shapely.get_num_interior_rings(shapely.get_parts(found)).sum() == 1


def test_contours_leave_specks_out_and_hold_what_they_say(tmp_path: Path) -> None:
    image = np.zeros((60, 80), np.float32)
    image[10:40, 20:60] = 7
    image[20:30, 30:40] = 1  # a hole
    image[12, 22] = 0  # a speck within
    image[55, 5] = 9
    found = find_contour(ArrayPlane(image), 5.0, 1.0, tmp_path)
    assert found is not None
    assert (found.area_px, found.geometry.area) == (30 * 40 - 100, 30 * 40 - 100)
    assert found.mean == pytest.approx((found.area_px - 1) * 7 / found.area_px)
    (tmp_path / "other").mkdir()
    assert find_contour(ArrayPlane(image), 8.0, 1.0, tmp_path / "other") is None


def test_a_spool_gives_back_what_it_took(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    boxes = shapely.box(np.arange(5), 0, np.arange(5) + 1, 2)
    for part in (boxes[:2], boxes[:0], boxes[2:]):
        spool.add(part)
    assert len(spool) == 5
    assert shapely.equals_exact(list(spool), boxes).all()
