"""Channel names and pixel size: what is stated is read, what is not stated is not invented."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from hrpn_tf.errors import PixelSizeError
from hrpn_tf.slides import SlideInfo, open_slide

FLAT = np.zeros((2, 16, 16), np.uint8)


def info_of(path: Path, **options: Any) -> SlideInfo:
    tifffile.imwrite(path, FLAT, photometric="minisblack", **options)
    with open_slide(path) as slide:
        return slide.info


@pytest.mark.parametrize(
    ("size", "unit", "um"),
    [
        (0.325, "µm", 0.325),
        (325, "nm", 0.325),
        (3.25e-4, "mm", 0.325),
        (3250, "Å", 0.325),
        (2.54e-5, "in", 0.64516),
        (0.325, None, 0.325),  # the schema's default unit is the micrometre
        (1, "pixel", None),
        (1, "reference frame", None),
        (0, "µm", None),
        (-1, "µm", None),
        (float("inf"), "µm", None),
        (None, "µm", None),
    ],
)
def test_ome_units(tmp_path: Path, size: float | None, unit: str | None, um: float | None) -> None:
    metadata: dict[str, Any] = {"axes": "CYX"}
    for axis in "XY":
        metadata |= {f"PhysicalSize{axis}": size} if size is not None else {}
        metadata |= {f"PhysicalSize{axis}Unit": unit} if unit is not None else {}
    info = info_of(tmp_path / "a.ome.tif", metadata=metadata)
    assert info.pixel_size_um == (None if um is None else pytest.approx(um))


def test_ome_size_along_one_axis_only_is_none(tmp_path: Path) -> None:
    metadata = {"axes": "CYX", "PhysicalSizeX": 0.5}
    assert info_of(tmp_path / "a.ome.tif", metadata=metadata).pixel_size_um is None


@pytest.mark.parametrize("y", [0.5, 0.503])
def test_almost_square_pixels_pass(tmp_path: Path, y: float) -> None:
    metadata = {"axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": y}
    assert info_of(tmp_path / "a.ome.tif", metadata=metadata).pixel_size_um == 0.5


def test_pixels_that_are_not_square_are_refused(tmp_path: Path) -> None:
    metadata = {"axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.52}
    with pytest.raises(PixelSizeError, match=r"not square \(0.5 x 0.52 um\)"):
        info_of(tmp_path / "a.ome.tif", metadata=metadata)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["CD31", "DAPI"], ("CD31", "DAPI")),
        (["CD31", ""], ("CD31", "1")),
        (None, ("0", "1")),
    ],
)
def test_ome_channel_names(
    tmp_path: Path, names: list[str] | None, expected: tuple[str, str]
) -> None:
    metadata: dict[str, Any] = {"axes": "CYX"}
    if names:
        metadata["Channel"] = {"Name": names}
    assert info_of(tmp_path / "a.ome.tif", metadata=metadata).channels == expected


@pytest.mark.parametrize(
    ("unit", "per_unit", "um"),
    [
        ("micron", 4, 0.25),
        ("\\u00B5m", 4, 0.25),  # as ImageJ writes the micro sign
        ("um", 4, 0.25),
        ("nm", 0.004, 0.25),
        ("mm", 4000, 0.25),
        ("cm", 40_000, 0.25),
        ("inch", 72, None),
        ("inch", 50_800, 0.5),
        ("pixel", 1, None),
        (None, 4, None),
    ],
)
def test_imagej_units(tmp_path: Path, unit: str | None, per_unit: float, um: float | None) -> None:
    metadata: dict[str, Any] = {"axes": "CYX"} | ({"unit": unit} if unit else {})
    codes = {"inch": 2, "cm": 3}  # as ImageJ writes them
    info = info_of(
        tmp_path / "a.tif",
        imagej=True,
        metadata=metadata,
        resolution=(per_unit, per_unit),
        resolutionunit=codes.get(unit or "", 1),
    )
    assert info.pixel_size_um == (None if um is None else pytest.approx(um))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(["CD31", "DAPI"], ("CD31", "DAPI")), (["a", "a"], ("0", "1")), (None, ("0", "1"))],
)
def test_imagej_labels(tmp_path: Path, labels: list[str] | None, expected: tuple[str, str]) -> None:
    metadata: dict[str, Any] = {"axes": "CYX"} | ({"Labels": labels} if labels else {})
    assert info_of(tmp_path / "a.tif", imagej=True, metadata=metadata).channels == expected


@pytest.mark.parametrize(
    ("per_unit", "unit", "um"),
    [
        (20_000, "CENTIMETER", 0.5),
        (50_800, "INCH", 0.5),
        (20_000, "NONE", None),
        (72, "INCH", None),
        (96, "INCH", None),
        (300, "INCH", None),
        (1, "INCH", None),
        (1, "CENTIMETER", None),
        (28.35, "CENTIMETER", None),
    ],
)
def test_resolution_tags(tmp_path: Path, per_unit: float, unit: str, um: float | None) -> None:
    info = info_of(
        tmp_path / "a.tif", metadata=None, resolution=(per_unit, per_unit), resolutionunit=unit
    )
    assert info.pixel_size_um == (None if um is None else pytest.approx(um))


def test_real_slides(shared_data: Path) -> None:
    with open_slide(shared_data / "dextran" / "01.ome.tif") as slide:
        assert slide.info.channels == ("endomucin", "dextran", "DAPI")
        assert slide.info.pixel_size_um == pytest.approx(0.690, abs=1e-3)
    with open_slide(shared_data / "neurons" / "kevan-a4.ome.tif") as slide:
        assert slide.info.channels == ("DAPI", "MAP2", "NFH")
        assert slide.info.pixel_size_um is None
