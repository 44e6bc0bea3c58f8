"""Places in the window and pixels of slides."""

import numpy as np
import pytest

from hrpn_tf.errors import RegionError, UsageError
from hrpn_tf.napari_plugin.region import PixelRegion, outline_px, seen_region, window_of

WHOLE = {"corner_um": (0.0, 0.0), "size_um": 0.5, "shape": (400, 300)}
SQUARE = np.array([[10.0, 20.0], [10.0, 40.0], [30.0, 40.0], [30.0, 20.0]])


def test_a_window_larger_than_the_slide_shows_all_of_it() -> None:
    assert seen_region((100, 75), 1.0, (900, 900), **WHOLE) == PixelRegion(0, 0, 300, 400)


def test_a_window_over_the_edge_is_cut_there() -> None:
    # 40 um high and 20 um wide around (10, 5) um: it begins above and left of the slide
    assert seen_region((10, 5), 10.0, (400, 200), **WHOLE) == PixelRegion(0, 0, 30, 60)


def test_pixels_seen_in_part_are_taken_whole() -> None:
    seen = seen_region((50.1, 50.1), 1.0, (10, 10), **WHOLE)
    assert seen == PixelRegion(90, 90, 21, 21)  # 45.1 to 55.1 um


def test_a_slide_that_is_a_part_of_another_has_its_own_corner() -> None:
    region = seen_region((1050, 2050), 1.0, (20, 20), (1000.0, 2000.0), 0.5, (400, 300))
    assert region == PixelRegion(80, 80, 40, 40)


@pytest.mark.parametrize("centre", [(-500, 50), (50, 1e4)])
def test_a_window_beside_the_slide_is_refused(centre: tuple[float, float]) -> None:
    with pytest.raises(RegionError, match="nothing of the slide is in the window"):
        seen_region(centre, 1.0, (10, 10), **WHOLE)


def test_a_rectangle_fills_its_pixels() -> None:
    area = outline_px([SQUARE], ["rectangle"], (0.0, 0.0), 0.5)
    filled = area.fill(0, 0, 100, 100)
    assert filled[20:60, 40:80].all()
    assert filled.sum() == 40 * 40
    assert window_of(area, 100, 100) == (20, 40, 40, 40)


def test_an_ellipse_is_drawn_within_its_corners() -> None:
    area = outline_px([SQUARE], ["ellipse"], (0.0, 0.0), 0.5)
    assert area.area.area == pytest.approx(np.pi * 20**2, rel=0.01)


def test_shapes_are_united_and_lines_left_out() -> None:
    shapes = [SQUARE, np.add(SQUARE, (0.0, 10.0)), np.array([[0.0, 0.0], [90.0, 90.0]])]
    area = outline_px(shapes, ["rectangle", "polygon", "line"], (0.0, 0.0), 0.5)
    assert area.area.area == 40 * 60


def test_an_outline_that_crosses_itself_has_an_area() -> None:
    bow = np.array([[0.0, 0.0], [20.0, 20.0], [20.0, 0.0], [0.0, 20.0]])
    assert outline_px([bow], ["polygon"], (0.0, 0.0), 1.0).area.area == pytest.approx(200)


def test_no_area_is_refused() -> None:
    for shapes, kinds in ([], []), ([SQUARE[:2]], ["line"]), ([SQUARE * 0], ["polygon"]):
        with pytest.raises(UsageError, match="no area is drawn"):
            outline_px(shapes, kinds, (0.0, 0.0), 0.5)


def test_an_area_beside_the_image_is_refused() -> None:
    area = outline_px([SQUARE], ["rectangle"], (0.0, 0.0), 0.5)
    with pytest.raises(RegionError, match="outside"):
        window_of(area, 10, 10)
