"""Slides in folders and by patterns: what is found, what is passed over, and what is named."""

import os
from pathlib import Path

import numpy as np
import pytest
from support.slides import noise, write_slide

from hrpn_tf.errors import SlideNotFoundError, UsageError
from hrpn_tf.slides import write_slide as write_zarr
from hrpn_tf.slides.channel_files import channel_of
from hrpn_tf.slides.finding import find_slides, is_several, slides_of

IMAGE = noise(0, 64, 64)


def write_channels(folder: Path, *names: str, size: int = 64) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        write_slide(folder / name, IMAGE[:size, :size, :1], 0.5, ("c",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slides of many kinds, and much else."""
    root = tmp_path_factory.mktemp("images")
    for name in ("m1/s10.ome.tif", "m1/s2.ome.tif", "m2/s1.ome.tif"):
        (root / name).parent.mkdir(exist_ok=True)
        write_slide(root / name, IMAGE)
    write_zarr(root / "m2" / "z.ome.zarr", IMAGE, channels="abc", pixel_size_um=0.5, provenance={})
    write_channels(root / "whole", "CD31 (Opal 520).tif", "DAPI.tif", "FAP.tif")
    write_channels(root / "split", "a_CD31.tif", "a_DAPI.tif", "b_CD31.tif", "b_DAPI.tif")
    write_channels(root / "split", "a_FAP.tif")
    write_channels(root / "split", "c_CD31.tif")  # no other channel: a slide of its own
    (root / "m1" / "broken.tif").write_bytes(b"II*\0garbage")
    (root / "m1" / ".hidden.tif").write_bytes(b"")
    (root / "m1" / "r01c02f03p01-ch1sk1fk1fl1.tiff").write_bytes(b"")
    (root / "m1" / "preview.PNG").write_bytes(b"")
    for name in ("contact-sheet.png", "contact-sheet.html"):  # a page of ours and its picture
        (root / name).write_bytes(b"")
    (root / "notes.txt").write_text("notes")
    (root / "plate.zarr").mkdir()
    (root / "plate.zarr" / ".zattrs").write_text('{"plate": {}}')
    (root / "run").mkdir()
    (root / "run" / "hrpn.yaml").write_text("")
    write_slide(root / "run" / "result.ome.tif", IMAGE)
    (root / "circle").symlink_to(root)
    (root / "again.ome.tif").symlink_to(root / "m1" / "s2.ome.tif")
    (root / "itself.tif").symlink_to("itself.tif")
    os.mkfifo(root / "pipe.tif")
    return root


def test_what_is_found(folder: Path) -> None:
    found = find_slides([folder])
    slides = [info.path.relative_to(folder).as_posix() for info in found.slides]
    assert slides == [
        "m1/s2.ome.tif",
        "m1/s10.ome.tif",
        "m2/s1.ome.tif",
        "m2/z.ome.zarr",
        "split/c_CD31.tif",
        "whole",
    ]
    assert {one.name: list(one.files) for one in found.split} == {
        "a": ["CD31", "DAPI", "FAP"],
        "b": ["CD31", "DAPI"],
    }
    assert {each.path.name for each in found.unread} == {"broken.tif", "pipe.tif", "itself.tif"}
    assert {each.path.name: each.reason for each in found.aside} == {
        "r01c02f03p01-ch1sk1fk1fl1.tiff": "an image of a plate, by its name",
        "plate.zarr": "a plate of many images",
        "run": "a run of this program",
    }
    assert found.pictures == 1


def test_paths_folders_and_patterns_become_slides(folder: Path) -> None:
    names = [path.name for path in slides_of([folder / "m1", folder / "m2" / "s1.ome.tif"])]
    assert names == ["broken.tif", "s2.ome.tif", "s10.ome.tif", "s1.ome.tif"]
    by_pattern = slides_of([folder / "m*" / "s*.tif"])
    assert [path.name for path in by_pattern] == ["s2.ome.tif", "s10.ome.tif", "s1.ome.tif"]
    assert slides_of([folder / "m1" / "s2.ome.tif"] * 2) == (folder / "m1" / "s2.ome.tif",)
    # a folder that is a slide, and what is not there, stay as they are
    same = (folder / "whole", folder / "m2" / "z.ome.zarr", Path("gone.tif"), Path("slides.csv"))
    assert slides_of(same) == same
    assert is_several(folder / "m1")
    assert not is_several(folder / "run")


def test_each_file_of_a_folder_may_be_a_channel_with_any_name(tmp_path: Path) -> None:
    write_channels(tmp_path / "slide", "one.tif", "two.tif")
    assert slides_of([tmp_path / "slide"]) == (tmp_path / "slide",)


def test_channels_of_several_slides_are_refused_with_the_way_out(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"a: CD31, DAPI, FAP\); make .* hrpn-tf init"):
        slides_of([folder / "split"])


def test_a_name_that_looks_like_a_pattern_is_a_name(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "a[1].ome.tif", IMAGE)
    assert slides_of([path]) == (path,)


@pytest.mark.parametrize("name", ["nothing*.tif", "**/*.nd2"])
def test_a_pattern_without_slides_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(SlideNotFoundError, match="no slide has a name of this pattern"):
        slides_of([tmp_path / name])


def test_a_folder_without_slides_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(SlideNotFoundError, match="holds no slide"):
        slides_of([tmp_path])


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch) -> None:
    write_slide(tmp_path / "a.ome.tif", IMAGE)
    (tmp_path / "locked").mkdir()
    real = os.scandir

    def scandir(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_slides([tmp_path])
    assert [info.path.name for info in found.slides] == ["a.ome.tif"]
    assert [(one.path.name, one.reason) for one in found.unread] == [
        ("locked", "Permission denied")
    ]


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("m1_DAPI_s2.tif", ("m1_s2", "DAPI")),
        ("m1 quantum dots.tif", ("m1", "quantum dots")),
        ("s1_ch00.tif", ("s1", "ch00")),
        ("chamber_2.tif", None),
        ("CD310.tif", None),
    ],
)
def test_channels_in_names(name: str, parsed: tuple[str, str] | None) -> None:
    assert channel_of(name) == parsed


def test_files_of_other_sizes_are_no_channels_of_one_slide(tmp_path: Path) -> None:
    write_channels(tmp_path, "a_CD31.tif")
    write_channels(tmp_path, "a_DAPI.tif", size=32)
    found = find_slides([tmp_path])
    assert not found.split
    assert np.prod([len(info.channels) for info in found.slides]) == 1
