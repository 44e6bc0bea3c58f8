"""PerkinElmer QPTIFF, as scanners and inForm lay it out, and brightfield formats."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from hrpn_tf.errors import ChannelSizeError, RgbSlideError, SlideFormatError
from hrpn_tf.slides import open_slide
from hrpn_tf.slides.tiff import qptiff

RNG = np.random.default_rng(0)
FULL = RNG.integers(0, 255, (3, 130, 200), dtype=np.uint8)
RGB = RNG.integers(0, 255, (33, 50, 3), dtype=np.uint8)
CHANNELS = (("DAPI", "DAPI"), ("Opal 520", "CD31"), ("Opal 690", ""))
PER_CM = 20_000.0


def xml(kind: str, name: str = "", biomarker: str = "", more: str = "") -> str:
    marker = f"<Biomarker>{biomarker}</Biomarker>" if biomarker else ""
    return (
        '<?xml version="1.0" encoding="utf-16"?>\n<PerkinElmer-QPI-ImageDescription>\n'
        f"<DescriptionVersion>2</DescriptionVersion><ImageType>{kind}</ImageType>"
        f"<Name>{name}</Name>{marker}<ScanProfile><root/></ScanProfile>{more}"
        "</PerkinElmer-QPI-ImageDescription>"
    )


def write(
    path: Path,
    full: np.ndarray = FULL,
    *,
    levels: int = 3,
    encode: Any = str.encode,
    more: str = "",
    per_cm: float | None = PER_CM,
    software: str = "PerkinElmer-QPI",
    channels: tuple[tuple[str, str], ...] = CHANNELS,
) -> None:
    """Full pages, a thumbnail, smaller pages, an overview and a label, in that order."""
    with tifffile.TiffWriter(path, bigtiff=True) as tif:

        def page(image: np.ndarray, description: str, **options: Any) -> None:
            if per_cm is not None:
                options |= {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
                options["extratags"] = [(286, 5, 1, (3, 1), False), (287, 5, 1, (5, 10), False)]
            tif.write(
                image,
                description=encode(description),
                metadata=None,
                software=software,
                contiguous=False,
                compression="lzw",
                photometric="rgb" if image.ndim == 3 else "minisblack",
                **options,
            )

        for plane, (name, marker) in zip(full, channels, strict=False):
            page(plane, xml("FullResolution", name, marker, more), tile=(64, 64))
        page(RGB, xml("Thumbnail"))
        for level in range(1, levels):
            for plane, (name, marker) in zip(full, channels, strict=False):
                small = np.ascontiguousarray(plane[:: 2**level, :: 2**level])
                page(small, xml("ReducedResolution", name, marker, more), tile=(64, 64))
        page(RGB[:20], xml("Overview"))
        page(RGB[:10], xml("Label"))


def test_a_scan(tmp_path: Path) -> None:
    path = tmp_path / "a.qptiff"
    write(path)
    with open_slide(path) as slide:
        info = slide.info
        assert info.format == "QPTIFF"
        assert info.channels == ("DAPI", "CD31", "Opal 690")
        assert info.pixel_size_um == 0.5
        assert info.position_um == (5000, 30_000)
        assert info.levels == (1, 2, 4)
        assert info.level_shapes == ((130, 200), (65, 100), (33, 50))
        assert info.segment_bytes == 64 * 64
        for level in range(3):
            h, w = info.level_shapes[level]
            found = slide.read(0, 0, h, w, [2, 0], level)
            expected = FULL[[2, 0], :: 2**level, :: 2**level]
            np.testing.assert_array_equal(np.moveaxis(found, -1, 0), expected)


def test_tifffile_makes_the_same_of_the_file(tmp_path: Path) -> None:
    write(tmp_path / "a.qptiff")
    with tifffile.TiffFile(tmp_path / "a.qptiff") as tif:
        assert tif.is_qpi
        series = tif.series[0]
        assert series.name == "Baseline"
        np.testing.assert_array_equal(series.asarray(), FULL)


def test_component_images_of_inform(tmp_path: Path) -> None:
    """Floating point, no smaller levels, the biomarker in the name, its size in the XML."""
    more = "<PixelSizeMicrons>0.497</PixelSizeMicrons>"
    names = (("DAPI", ""), ("CD31 (Opal 520)", ""), ("Autofluorescence", ""))
    full = FULL.astype(np.float32) / 7
    write(tmp_path / "a.tif", full, levels=1, more=more, per_cm=None, channels=names)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.info.channels == ("DAPI", "CD31 (Opal 520)", "Autofluorescence")
        assert slide.info.dtype == np.float32
        assert slide.info.pixel_size_um == 0.497
        assert slide.info.position_um is None
        assert slide.info.levels == (1.0,)
        np.testing.assert_array_equal(slide.read(0, 0, 130, 200, [1])[..., 0], full[1])


@pytest.mark.parametrize(
    "encode",
    [lambda text: text.encode("utf-16"), lambda text: b"\xef\xbb\xbf" + text.encode()],
    ids=["utf-16", "utf-8 with a mark"],
)
def test_encodings_of_the_xml(tmp_path: Path, encode: Any) -> None:
    write(tmp_path / "a.qptiff", encode=encode)
    with open_slide(tmp_path / "a.qptiff") as slide:
        assert slide.info.channels == ("DAPI", "CD31", "Opal 690")


def test_known_by_the_xml_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", software="another")
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.info.format == "QPTIFF"


def test_older_files_that_do_not_say_what_a_page_is(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", encode=lambda text: re.sub("<ImageType>.*?</ImageType>", "", text))
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.info.channels == ("DAPI", "CD31", "Opal 690")
        assert slide.info.levels == (1, 2, 4)


def test_biomarkers_that_are_the_same_give_way_to_names(tmp_path: Path) -> None:
    channels = (("DAPI", "x"), ("Opal 520", "x"), ("Opal 690", "y"))
    write(tmp_path / "a.tif", channels=channels)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.info.channels == ("DAPI", "Opal 520", "Opal 690")


def test_one_channel(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", FULL[:1])
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.info.channels == ("DAPI",)
        assert slide.info.levels == (1, 2, 4)


def test_brightfield_scans_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.qptiff", np.stack([FULL] * 3, axis=-1)[:1])
    with pytest.raises(RgbSlideError, match="brightfield QPTIFF"):
        open_slide(tmp_path / "a.qptiff")


def test_hostile_xml_and_pages_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "a.qptiff"
    write(path, encode=lambda text: text.replace("?>", '?><!DOCTYPE a [<!ENTITY b "c">]>'))
    with pytest.raises(SlideFormatError, match="malformed OME-XML"):
        open_slide(path)
    write(path, encode=lambda text: text.replace("FullResolution", "Overview"))
    with pytest.raises(SlideFormatError, match="no page of it is an image at full size"):
        open_slide(path)
    uneven = [FULL[0], FULL[1, 1:], FULL[2]]
    write(path, uneven, levels=1)  # type: ignore[arg-type]
    with pytest.raises(ChannelSizeError, match="differ in size or type"):
        open_slide(path)


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("a.svs", {}, "an Aperio SVS"),
        ("a.NDPI", {}, "a Hamamatsu NDPI"),
        ("a.mrxs", {}, "a MIRAX"),
        ("a.bif", {}, "a Ventana BIF"),
        ("a.scn", {}, "a Leica SCN"),
        (
            "a.tif",
            {"description": "Aperio Image Library v11", "tile": (16, 16)},
            "an Aperio SVS",
        ),
        ("b.tif", {"description": '<scn xmlns="http://www.leica">\n</scn>'}, "a Leica SCN"),
        (
            "c.tif",
            {"extratags": [(271, 2, 0, "Hamamatsu", True), (65420, 4, 1, 1, True)]},
            "a Hamamatsu NDPI",
        ),
        (
            "e.tif",
            {"software": "Philips DP v1.0", "description": "<DataObject>\n</DataObject>"},
            "a Philips TIFF",
        ),
        (
            "d.tif",
            {"software": "ScanOutputManager 1", "extratags": [(700, 1, 6, b"<iScan", True)]},
            "a Ventana BIF",
        ),
    ],
)
def test_brightfield_formats_are_refused_with_a_reason(
    tmp_path: Path, name: str, options: dict[str, Any], what: str
) -> None:
    tifffile.imwrite(tmp_path / name, RGB, metadata=None, photometric="rgb", **options)
    with pytest.raises(RgbSlideError, match=f"is {what} .*fluorescence channels are wanted"):
        open_slide(tmp_path / name)


def test_the_xml_of_all_pages_is_limited_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.qptiff")
    monkeypatch.setattr(qptiff, "MAX_TAGS", 40)
    with pytest.raises(SlideFormatError, match="more than 40 tags"):
        open_slide(tmp_path / "a.qptiff")


def test_a_reduced_page_of_another_shape_is_no_level(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.qptiff") as tif:
        for kind, shape in (("FullResolution", (130, 200)), ("ReducedResolution", (64, 64))):
            tif.write(
                np.zeros(shape, np.uint8), description=xml(kind, "DAPI").encode(), metadata=None,
                software="PerkinElmer-QPI", contiguous=False,
            )  # fmt: skip
    with open_slide(tmp_path / "a.qptiff") as slide:
        assert slide.info.levels == (1.0,)
