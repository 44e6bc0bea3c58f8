"""The thumbnails that hrpn-tf inspect draws, and where it leaves them."""

from pathlib import Path

import numpy as np
import pytest
from support.inspected import decoded, inspect

from hrpn_tf.errors import OutputExistsError, UsageError
from hrpn_tf.slides import write_slide
from hrpn_tf.workflows.inspect.slide import default_thumbnail, inspect_slide


@pytest.mark.parametrize(
    ("shape", "channels"),
    [((90, 120), 3), ((1, 1), 1), ((1, 3001), 2), ((2000, 3), 2), ((97, 89), 17)],
)
def test_a_thumbnail_of_any_shape(tmp_path: Path, shape: tuple[int, int], channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 99, (*shape, channels)).astype(np.uint8)
    names = [f"c{i}" for i in range(channels)]
    write_slide(tmp_path / "a.tif", pixels, channels=names, pixel_size_um=0.5, provenance={})
    report = inspect_slide(tmp_path / "a.tif")
    assert report.thumbnail is not None
    assert max(decoded(report.thumbnail).shape) <= 1024
    first = report.thumbnail.read_bytes()
    inspect_slide(tmp_path / "a.tif", overwrite=True)
    assert report.thumbnail.read_bytes() == first


def test_the_thumbnail_shows_channels_where_they_are(tmp_path: Path) -> None:
    """Vessels in the top left quarter, nuclei in the bottom right one."""
    pixels = np.zeros((200, 200, 2), np.uint8)
    pixels[:100, :100, 0] = 200
    pixels[100:, 100:, 1] = 100
    names = ("CD31", "DAPI")
    write_slide(tmp_path / "a.tif", pixels, channels=names, pixel_size_um=None, provenance={})
    inspect_slide(tmp_path / "a.tif", Path("a.png"))
    picture = decoded(Path("a.png")).astype(int)
    panel = (picture.shape[1] - 8) // 2 - 8  # two columns: vessels, nuclei; below: together
    tops = (8 + 22, 8 + 22 + panel + 22 + 8)
    lefts = (8, 8 + panel + 8)

    def colour(row: int, column: int, quarter_y: float, quarter_x: float) -> np.ndarray:
        y, x = tops[row] + int(quarter_y * panel), lefts[column] + int(quarter_x * panel)
        return picture[y, x]

    np.testing.assert_array_equal(colour(0, 0, 0.25, 0.25), [255, 255, 255])
    np.testing.assert_array_equal(colour(0, 0, 0.75, 0.75), [0, 0, 0])
    np.testing.assert_array_equal(colour(0, 1, 0.75, 0.75), [255, 255, 255])
    assert colour(1, 0, 0.25, 0.25).argmax() == 1  # green
    assert colour(1, 0, 0.75, 0.75).argmax() == 2  # blue
    assert colour(1, 0, 0.25, 0.75).max() == 0


def test_the_scale_bar_is_as_long_as_it_says(tmp_path: Path) -> None:
    pixels = np.zeros((500, 1000, 1), np.uint8)
    write_slide(tmp_path / "a.tif", pixels, channels="a", pixel_size_um=0.5, provenance={})
    inspect_slide(tmp_path / "a.tif", Path("a.png"))
    picture = decoded(Path("a.png"))
    panel = picture.shape[1] - 16
    bar = max(int((row == 255).all(axis=-1).sum()) for row in picture[-40:])
    assert bar == round(100 / (0.5 * 1000 / panel))  # 100 um: a fifth of the 500 um of the slide


def test_existing_thumbnails(slide: Path, elsewhere: Path) -> None:
    kept = elsewhere / "a b.thumbnail.png"
    kept.write_text("mine")
    found = inspect(slide)
    assert "thumbnail   none" in found.out
    assert "a b.thumbnail.png exists and was kept; give --overwrite" in found.err
    assert kept.read_text() == "mine"
    with pytest.raises(OutputExistsError, match="give --overwrite"):
        inspect_slide(slide, kept)
    inspect(slide, "--overwrite")
    assert decoded(kept).size
    with pytest.raises(UsageError, match=r"ends in \.png"):
        inspect_slide(slide, elsewhere / "a.jpg")


def test_a_folder_that_cannot_be_written_to_is_no_failure(
    slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("hrpn_tf.workflows.inspect.slide.save_thumbnail", refuse)
    found = inspect(slide)
    assert "thumbnail   none" in found.out
    assert "Permission denied; say where with --out" in found.err
    with pytest.raises(PermissionError):
        inspect_slide(slide, Path("x.png"))
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.ome.tif", "a.thumbnail.png"),
        ("a.OME.TIFF", "a.thumbnail.png"),
        ("a.companion.ome", "a.thumbnail.png"),
        ("a.b.qptiff", "a.b.thumbnail.png"),
        (".tif", ".tif.thumbnail.png"),
    ],
)
def test_names_of_thumbnails(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / name).touch()
    assert default_thumbnail(tmp_path / name) == Path(expected)


def test_the_name_of_a_folder_s_thumbnail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mouse.1").mkdir()
    assert default_thumbnail(tmp_path / "mouse.1") == Path("mouse.1.thumbnail.png")
    monkeypatch.chdir(tmp_path / "mouse.1")
    assert default_thumbnail(Path(".")) == Path("mouse.1.thumbnail.png")
