"""OME-Zarr as zarr-python and others write it: axes, units, pixel size and position."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.reading import info_of, whole
from support.zarr_samples import VERSIONS, noise, save_image

from hrpn_tf.errors import PixelSizeError, SlideFormatError
from hrpn_tf.slides import open_slide


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("axes", ["yx", "xy", "cyx", "yxc", "zyx", "czyx", "tczyx", "tyx", "xcy"])
def test_axes_in_any_order(tmp_path: Path, version: str, axes: str) -> None:
    pixels = noise(*({"c": 3, "y": 40, "x": 25}.get(axis, 1) for axis in axes))
    save_image(tmp_path, version, pixels, axes)
    squeezed = pixels.squeeze(tuple(i for i, a in enumerate(axes) if a in "tz"))
    left = [axis for axis in axes if axis in "cyx"]
    if "c" not in axes:
        squeezed, left = squeezed[..., None], [*left, "c"]
    expected = squeezed.transpose([left.index(axis) for axis in "yxc"])
    np.testing.assert_array_equal(whole(tmp_path), expected)


@pytest.mark.parametrize(
    ("axes", "shape", "match"),
    [
        ("czyx", (2, 5, 8, 8), "holds 5 planes in depth"),
        ("tcyx", (7, 2, 8, 8), "holds 7 time points"),
        ("cyx", (1025, 8, 8), "holds 1025 pages"),
        ("cy", (2, 8), "has axes c, y, where one y and one x"),
        ("cyy", (2, 8, 8), "has axes c, y, y"),
    ],
)
def test_other_axes_are_refused(
    tmp_path: Path, axes: str, shape: tuple[int, ...], match: str
) -> None:
    save_image(tmp_path, "0.5", noise(*shape), axes)
    with pytest.raises(SlideFormatError, match=match):
        open_slide(tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("unit", "um"),
    [
        ("micrometer", 0.325),
        ("nanometer", 0.325e-3),
        ("millimeter", 325.0),
        ("angstrom", 0.325e-4),
        ("inch", 8255.0),
        ("µm", 0.325),
        (None, None),
        ("pixel", None),
        ("unit", None),
        ("second", None),
    ],
)
def test_units(tmp_path: Path, version: str, unit: str | None, um: float | None) -> None:
    save_image(tmp_path, version, noise(1, 8, 8), unit=unit, scale=0.325)
    assert info_of(tmp_path).pixel_size_um == (None if um is None else pytest.approx(um))


def scaled(*values: float) -> dict[str, Any]:
    return {"type": "scale", "scale": [1.0, *values]}


def moved(*values: float) -> dict[str, Any]:
    return {"type": "translation", "translation": [0.0, *values]}


@pytest.mark.parametrize(
    ("first", "common", "size", "position"),
    [
        ([scaled(0.5, 0.5)], [], 0.5, None),
        ([scaled(0.5, 0.5), moved(0, 0)], [], 0.5, None),
        ([scaled(0.5, 0.5), moved(10, 20)], [], 0.5, (10, 20)),
        ([scaled(1, 1), moved(4, 5)], [scaled(0.5, 0.5)], 0.5, (2, 2.5)),
        ([scaled(1, 1), moved(4, 5)], [scaled(0.5, 0.5), moved(1, 1)], 0.5, (3, 3.5)),
        ([scaled(0.5, 0.5)], [{"type": "identity"}], 0.5, None),
        ([scaled(0.5, 0.5)], [{"type": "affine", "affine": [[1, 0], [0, 1]]}], None, None),
        ([scaled(0.5, 0.5), moved(float("nan"), 1)], [], 0.5, None),
        ([scaled(0, 0), moved(1, 1)], [], None, None),
        ([scaled(-1, -1), moved(1, 1)], [], None, None),
    ],
)
def test_pixel_size_and_position(
    tmp_path: Path, first: Any, common: Any, size: float | None, position: Any
) -> None:
    datasets = [{"path": "0", "coordinateTransformations": first}]
    more = {"datasets": datasets, "coordinateTransformations": common}
    save_image(tmp_path, "0.4", noise(1, 8, 8), **more)
    info = info_of(tmp_path)
    assert (info.pixel_size_um, info.position_um) == (size, position)


def test_position_is_in_um_whatever_the_unit(tmp_path: Path) -> None:
    steps = [scaled(325, 325), moved(650, 1300)]
    datasets = [{"path": "0", "coordinateTransformations": steps}]
    save_image(tmp_path, "0.5", noise(1, 8, 8), unit="nanometer", datasets=datasets)
    assert info_of(tmp_path).position_um == pytest.approx((0.65, 1.3))


def test_pixels_that_are_not_square_are_refused(tmp_path: Path) -> None:
    datasets = [{"path": "0", "coordinateTransformations": [scaled(0.5, 0.6)]}]
    save_image(tmp_path, "0.5", noise(1, 8, 8), datasets=datasets)
    with pytest.raises(PixelSizeError, match="not square"):
        open_slide(tmp_path)
