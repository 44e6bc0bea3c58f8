"""Paths and names that clients give."""

from pathlib import Path

import pytest

from hrpn_tf.errors import ForbiddenPathError, JobRequestError, SlideNotFoundError
from hrpn_tf.service.places import allowed_path, files_of, safe_file_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("slide.ome.tif", "slide.ome.tif"),
        ("../../etc/slide.TIF", "slide.tif"),
        ("C:\\slides\\a b.czi", "a-b.czi"),
        ("mäuse\x1b[31m\u202e.tiff", "m-use-31m.tiff"),
        (f"{'x' * 400}.nd2", f"{'x' * 100}.nd2"),
        ("-rf.tif", "rf.tif"),
        ("....tif", "slide.tif"),
    ],
)
def test_a_name_becomes_that_of_a_file_here(name: str, safe: str) -> None:
    assert safe_file_name(name) == safe


@pytest.mark.parametrize("name", ["slides.csv", "a.yaml", "a", "tif", "a.zarr", "a.tif/", "a.py"])
def test_other_files_are_refused(name: str) -> None:
    with pytest.raises(JobRequestError, match="does not end like a slide"):
        safe_file_name(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An allowed folder, with what leads out of it."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    for name in ("slide.tif", "list.csv"):
        (allowed / name).touch()
    (tmp_path / "secret.tif").touch()
    (tmp_path / "allowed-not").mkdir()
    (tmp_path / "allowed-not" / "secret.tif").touch()
    (allowed / "link.tif").symlink_to(tmp_path / "secret.tif")
    (allowed / "inner.tif").symlink_to(allowed / "slide.tif")
    (allowed / "up").symlink_to(tmp_path)
    return allowed


def test_paths_within_an_allowed_folder_are_followed(folder: Path) -> None:
    assert allowed_path(f"{folder}/slide.tif", [folder]) == folder / "slide.tif"
    assert allowed_path(f"{folder}/../allowed/inner.tif", [folder]) == folder / "slide.tif"


@pytest.mark.parametrize(
    "path",
    [
        "{}/link.tif",
        "{}/up/secret.tif",
        "{}/../secret.tif",
        "{}/../missing.tif",
        "{}-not/secret.tif",
        "/etc/passwd",
        "slide.tif",
        "",
        "~/slide.tif",
        "{}/a\0.tif",
        "/proc/self/root/etc/passwd",
    ],
)
def test_paths_that_lead_elsewhere_are_refused(folder: Path, path: str) -> None:
    with pytest.raises(ForbiddenPathError) as refused:
        allowed_path(path.format(folder), [folder])
    assert str(refused.value).isprintable()


def test_without_allowed_folders_no_path_is_read(folder: Path) -> None:
    with pytest.raises(ForbiddenPathError, match="without --allow"):
        allowed_path(f"{folder}/slide.tif", [])


def test_what_is_no_slide_is_refused(folder: Path) -> None:
    with pytest.raises(SlideNotFoundError):
        allowed_path(f"{folder}/missing.tif", [folder])
    with pytest.raises(JobRequestError, match="slide list"):
        allowed_path(f"{folder}/list.csv", [folder])


def test_files_that_a_slide_names_belong_to_it(tmp_path: Path) -> None:
    names = ["a.ome.tif", "b.ome.tif", "c.companion.ome", "other.tif"]
    slide, second, companion, other = (tmp_path / name for name in names)
    slide.write_bytes(b'II*\0<BinaryOnly MetadataFile="c.companion.ome" UUID="x"/>' + b"\0" * 9)
    companion.write_text(
        '<UUID FileName="a.ome.tif">x</UUID><UUID FileName="b.ome.tif">y</UUID>'
        '<UUID FileName="gone.ome.tif">z</UUID><UUID FileName="../other.tif">z</UUID>'
    )
    second.write_bytes(b"II*\0" + b"\0" * 5 * 2**20 + b'<UUID FileName="a.ome.tif">')
    other.write_bytes(b"II*\0")
    assert files_of(slide) == [slide, second, companion]
    assert files_of(second) == [slide, second]
    assert files_of(other) == [other]
    assert files_of(tmp_path) == [tmp_path]
