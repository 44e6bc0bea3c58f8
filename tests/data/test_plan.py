"""``hrpn-tf prepare`` refuses the slides that ``hrpn-tf predict`` refuses."""

import os
from pathlib import Path

import pytest
from support.slides import noise, write_slide

from hrpn_tf import slides
from hrpn_tf.config import DataConfig
from hrpn_tf.data.plan import fingerprint, plan_slides
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.errors import PixelSizeError, SlideListError, UsageError

CHANNELS = ("vessels", "nuclei", "qd")


def plan(folder: Path, text: str, unit: str = "µm", **data: object) -> float:
    """Plan the slide ``a.ome.tif`` of a list; gives its pixel size, um."""
    path = write_slide(folder / "a.ome.tif", noise(0, 32, 32), 0.5, CHANNELS)
    path.write_bytes(path.read_bytes().replace("µm".encode(), unit.encode().ljust(3)))
    (folder / "slides.csv").write_text(text)
    config = DataConfig.model_validate({"patch": 16, "stride": 16, **data})
    return plan_slides(read_slide_list(folder / "slides.csv", config), config)[0].pixel_size_um


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slide,group,vessels,nuclei,qd\na.ome.tif,g,vessels,nuclei,nuclei\n", "two roles"),
        ("slide,group,vessels,nuclei,qd\na.ome.tif,g,vessels,vessels,qd\n", "two roles"),
        ("slide,group,vessels,nuclei,qd\na.ome.tif,g,nuclei,vessels,qd\n", "were channels swapped"),
        ("slide,group,vessels,nuclei,qd\na.ome.tif,g,qd,nuclei,vessels\n", "were channels swapped"),
        ("slide,group,name\na.ome.tif,g,x/a\n", "cannot be a file name"),
    ],
)
def test_wrong_channels_and_names(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(tmp_path, text)


@pytest.mark.parametrize("columns", ["qd,qd", "qd, qd ", "slide,qd"])
def test_a_column_twice(tmp_path: Path, columns: str) -> None:
    with pytest.raises(SlideListError, match=r"row 1: two columns are named '(qd|slide)'"):
        plan(tmp_path, f"slide,group,{columns}\na.ome.tif,g,qd,nuclei\n")


def test_a_key_twice(tmp_path: Path) -> None:
    write_slide(tmp_path / "a.ome.tif", noise(0, 32, 32), 0.5, CHANNELS)
    path = tmp_path / "slides.yaml"
    path.write_text("- {slide: a.ome.tif, group: g, qd: qd, qd: nuclei}\n")
    with pytest.raises(SlideListError, match="the key 'qd' is there twice"):
        read_slide_list(path, DataConfig())


def test_pixel_sizes(tmp_path: Path) -> None:
    text = "slide,group\na.ome.tif,g\n"
    with pytest.raises(PixelSizeError, match="states 500 um/px, which no microscope slide has"):
        plan(tmp_path, text, "mm")
    assert plan(tmp_path, text, "mm", pixel_size_um=0.5) == 0.5, "what the option says"
    with pytest.raises(PixelSizeError, match=r"states 0\.5 um/px, --pixel-size says 0\.25"):
        plan(tmp_path, text, pixel_size_um=0.25)


def test_a_pixel_that_changes_within_an_ome_zarr_changes_the_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    slides.write_slide(path, noise(0, 32, 32), channels=CHANNELS, pixel_size_um=0.5, provenance={})
    (tmp_path / "slides.csv").write_text("slide,group\na.ome.zarr,g\n")
    config = DataConfig(patch=16, stride=16)

    def found() -> str:
        return fingerprint(
            plan_slides(read_slide_list(tmp_path / "slides.csv", config), config), config
        )

    before = found()
    assert found() == before
    (chunk, *_) = (each for each in path.rglob("*") if each.is_file() and each.name.isdigit())
    os.utime(chunk, ns=(0, chunk.stat().st_mtime_ns + 1))
    assert found() != before
