"""hrpn-tf init: what it proposes works at once, and what is in doubt is told."""

import csv
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from support.command import Ended, hrpn_tf
from support.hostile import is_harmless
from support.slides import write_slide

import hrpn_tf as ht
from hrpn_tf.config import DataConfig
from hrpn_tf.data.store import open_store
from hrpn_tf.errors import OutputExistsError
from hrpn_tf.workflows.init.links import refuse_other_files
from hrpn_tf.workflows.init.proposal import in_one_line

FILES = ("slides.csv", "hrpn.yaml", "contact-sheet.html", "contact-sheet.png")
HOSTILE = "\x1b[31mred <b>.tif"


def tissue(seed: int, side: int = 160) -> np.ndarray:
    """(side, side, 3) uint8: a bright disc in the dark."""
    y, x = np.mgrid[:side, :side] - side / 2
    disc = (np.hypot(y, x) < 0.4 * side)[..., None]
    rng = np.random.default_rng(seed)
    return (disc * 60 + rng.integers(1, 12, (side, side, 3))).astype(np.uint8)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three mice with two slides each, and slides that do not fit them."""
    root = tmp_path_factory.mktemp("images") / "my slides"
    for mouse in (1, 2, 3):
        (root / f"mouse{mouse}").mkdir(parents=True)
        names = ("DAPI", "CD31", "QD655") if mouse == 2 else ("SpGreen", "DAPI", "SpOrange")
        for section in (1, 2):
            write_slide(root / f"mouse{mouse}" / f"s{section}.ome.tif", tissue(mouse), 4.0, names)
    odd = root / "mouse1"
    write_slide(odd / "fine.ome.tif", tissue(4), 2.0)
    write_slide(odd / "deep.ome.tif", tissue(5).astype(np.uint16), 4.0)
    write_slide(odd / "no-size.ome.tif", tissue(6), None)
    write_slide(odd / "no-target.ome.tif", tissue(7)[..., :2], 4.0, ("CD31", "DAPI"))
    write_slide(odd / "guessed.ome.tif", tissue(8), 4.0, ("CD31", "DAPI", "Cy5"))
    write_slide(odd / "nameless.ome.tif", tissue(9), 4.0, ("0", "1", "2"))
    write_slide(odd / "tiny.ome.tif", tissue(10, 40), 4.0)
    (odd / "broken.tif").write_bytes(b"II*\0garbage")
    (odd / HOSTILE).write_bytes(b"II*\0garbage")
    return root


@pytest.fixture(scope="module")
def made(images: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    out = tmp_path_factory.mktemp("start")
    return out, hrpn_tf("init", images, "--out", out, "--quiet")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_main_list(made: tuple[Path, Ended]) -> None:
    out, ended = made
    assert ended.exit_code == 0
    found = {Path(row["slide"]).stem: row for row in rows(out / "slides.csv")}
    assert len(rows(out / "slides.csv")) == 7
    assert {row["group"] for row in rows(out / "slides.csv")} == {"mouse1", "mouse2", "mouse3"}
    names = [row["name"] for row in rows(out / "slides.csv") if row["name"]]
    assert names == [f"mouse{m}-s{s}" for m in (1, 2, 3) for s in (1, 2)]
    assert found["guessed.ome"]["qd"] == "Cy5"
    by_name = {row["name"]: row for row in rows(out / "slides.csv")}
    assert by_name["mouse1-s1"]["vessels"] == "SpGreen"
    assert [by_name["mouse2-s1"][role] for role in ("vessels", "nuclei", "qd")] == [
        "CD31",
        "DAPI",
        "QD655",
    ]


def test_what_does_not_fit_is_in_lists_of_its_own(made: tuple[Path, Ended]) -> None:
    out, ended = made
    found = {
        Path(rows(path)[0]["slide"]).name.split(".")[0]: rows(path)[0]
        for path in sorted(out.glob("slides-?.csv"))
    }
    assert set(found) == {"fine", "deep", "no-size", "no-target"}
    assert "qd" not in found["no-target"]
    assert "1 slide (uint8, 2 um/px) cannot be trained on with the others" in ended.err


def test_the_configuration(made: tuple[Path, Ended]) -> None:
    text = (made[0] / "hrpn.yaml").read_text(encoding="utf-8")
    data = DataConfig(**yaml.safe_load(text)["data"])
    assert (data.patch, data.stride, data.tissue.method) == (64, 64, "otsu")
    assert data.pixel_size_um is None
    assert "# - guessed: qd: taken to be Cy5, the only channel left" in text
    assert "# Side length of a training patch." in text


def test_what_is_wrong_is_named(made: tuple[Path, Ended]) -> None:
    out, ended = made
    page = (out / "contact-sheet.html").read_text(encoding="utf-8")
    for text in (
        "broken.tif: left out: a TIFF in which no image is found",
        "tiny.ome.tif: left out: 40 x 40 px is smaller than a patch of 64 px",
        "nameless.ome.tif: left out: no channel is known for vessels and nuclei",
        "no-size: the file states no pixel size",
    ):
        assert text in ended.err, text
    assert "broken.tif</b>: a TIFF in which no image is found" in page
    assert all(is_harmless(line) for line in ended.err.splitlines())
    assert "\x1b" not in page
    assert "red <b>" not in page


def test_the_contact_sheet_shows_every_slide(made: tuple[Path, Ended]) -> None:
    out, _ = made
    page = (out / "contact-sheet.html").read_text(encoding="utf-8")
    assert page.count('alt="thumbnail of ') == 13
    picture = cv2.imread(str(out / "contact-sheet.png"))
    assert picture.shape[1] == pytest.approx(6 * 274 + 14, abs=1)  # six columns
    # the outline of the tissue: bright yellow, in blue, green, red
    assert (np.abs(picture.astype(int) - (26, 230, 255)).max(axis=-1) < 12).sum() > 500


def test_it_works_at_once(made: tuple[Path, Ended], tmp_path: Path) -> None:
    out, _ = made
    arguments = [out / "slides.csv", "--config", out / "hrpn.yaml", "--out", tmp_path / "p"]
    ended = hrpn_tf("prepare", *arguments, "--quiet")
    assert ended.exit_code == 0, ended.err
    store = open_store(tmp_path / "p")
    assert store.groups == ("mouse1", "mouse2", "mouse3")
    assert len(store.manifest.slides) == 7


def test_nothing_is_overwritten(made: tuple[Path, Ended], images: Path) -> None:
    out, _ = made
    before = {name: (out / name).read_bytes() for name in FILES}
    ended = hrpn_tf("init", images, "--out", out, "--quiet")
    assert ended.exit_code == 2
    assert "slides.csv exists; give --overwrite" in ended.err
    assert {name: (out / name).read_bytes() for name in FILES} == before
    again = hrpn_tf("init", images, "--out", out, "--quiet", "--overwrite")
    assert again.exit_code == 0
    assert {name: (out / name).read_bytes() for name in FILES} == before


def test_a_list_of_another_proposal_is_told(made: tuple[Path, Ended], images: Path) -> None:
    out, _ = made
    count = len(list(out.glob("slides*.csv")))
    former = out / f"slides-{count + 1}.csv"
    former.write_text("mine")
    try:
        again = hrpn_tf("init", images, "--out", out, "--quiet", "--overwrite")
    finally:
        assert former.read_text() == "mine"
        former.unlink()
    assert again.exit_code == 0
    assert f"{former}: is not of this proposal; remove it unless it is yours" in again.err


def test_a_folder_is_prepared_without_a_list(images: Path, tmp_path: Path) -> None:
    small = ["--set", "data.patch=64", "--set", "data.stride=64", "--quiet"]
    ended = hrpn_tf("prepare", images, "--out", tmp_path / "p", *small)
    assert ended.exit_code == 0, ended.err
    assert len(open_store(tmp_path / "p").manifest.slides) == 7
    assert "deep.ome.tif: left out: uint16, 4 um/px" in ended.err
    ended = hrpn_tf("prepare", images / "mouse2" / "*.tif", "--out", tmp_path / "q", *small)
    assert ended.exit_code == 0, ended.err
    assert [slide.name for slide in open_store(tmp_path / "q").manifest.slides] == ["s1", "s2"]


def test_a_list_is_given_alone(made: tuple[Path, Ended], images: Path, tmp_path: Path) -> None:
    ended = hrpn_tf("prepare", made[0] / "slides.csv", images, "--out", tmp_path / "p")
    assert ended.exit_code == 2
    assert "a slide list is given alone" in ended.err


def test_several_slides_are_inspected(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = hrpn_tf("inspect", images / "mouse1", "--quiet")
    assert ended.exit_code == 1
    assert ended.out.count("pixel size  ") == 9
    assert "2 of 11 slides cannot be read, each for the reason above" in ended.err
    assert hrpn_tf("inspect", images / "mouse2" / "*.tif", "--out", "a.png").exit_code == 2


def test_channels_side_by_side_become_folders_of_links(tmp_path: Path) -> None:
    folder, out = tmp_path / "flat", tmp_path / "start"
    folder.mkdir()
    for slide in (1, 2, 3):
        for index, name in enumerate(("CD31", "DAPI", "QD655")):
            write_slide(
                folder / f"m{slide}_s1_{name}.ome.tif", tissue(slide)[..., [index]], 4.0, (name,)
            )
    assert hrpn_tf("init", folder, "--out", out, "--quiet").exit_code == 0
    found = rows(out / "slides.csv")
    assert found[0]["slide"] == "slides-by-channel/m1_s1"
    assert [row["group"] for row in found] == ["m1", "m2", "m3"]
    arguments = [out / "slides.csv", "--config", out / "hrpn.yaml", "--out", tmp_path / "p"]
    assert hrpn_tf("prepare", *arguments, "--quiet").exit_code == 0
    # looked at again with the links among the images, nothing is found twice
    shutil.move(out, folder / "start")
    shutil.rmtree(folder / "start" / "slides-by-channel")
    again = hrpn_tf("init", folder, "--out", folder / "start", "--quiet", "--overwrite")
    assert again.exit_code == 0, again.err
    assert (
        hrpn_tf("init", folder, "--out", folder / "start", "--quiet", "--overwrite").exit_code == 0
    )
    assert len(rows(folder / "start" / "slides.csv")) == 3


def test_a_folder_with_files_of_the_user_is_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "slides-by-channel"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "precious.tif").write_bytes(b"")
    with pytest.raises(OutputExistsError, match="never replaced"):
        refuse_other_files(folder, overwrite=True)
    assert (folder / "a" / "precious.tif").exists()


def test_channels_that_are_stated(images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    shutil.copy(images / "mouse1" / "nameless.ome.tif", folder)
    ended = hrpn_tf("init", folder, "--out", tmp_path / "a", "--quiet")
    assert ended.exit_code == 2
    assert "none of 1 images can be listed" in ended.err
    assert (tmp_path / "a" / "contact-sheet.html").exists()
    channels = [f"--channel={role}={i}" for i, role in enumerate(("vessels", "nuclei", "qd"))]
    ended = hrpn_tf("init", folder, "--out", tmp_path / "b", *channels)
    assert ended.exit_code == 0, ended.err
    assert rows(tmp_path / "b" / "slides.csv")[0]["qd"] == "2"
    assert "the slides are of 1 group" in ended.err


@pytest.mark.parametrize("content", [None, "notes.txt", "a.png"])
def test_a_folder_without_images(tmp_path: Path, content: str | None) -> None:
    (tmp_path / "x").mkdir()
    if content:
        (tmp_path / "x" / content).write_bytes(b"")
    ended = hrpn_tf("init", tmp_path / "x", "--out", tmp_path / "out")
    assert ended.exit_code == 2
    assert "holds no image that could be a slide" in ended.err
    assert not (tmp_path / "out").exists()


def test_from_python(images: Path, tmp_path: Path) -> None:
    found = ht.init(images / "mouse2", tmp_path, pixel_size=4.0)
    assert [row["slide"] for row in found.table] == ["s1", "s2"]
    assert found.table[0]["vessels"] == 1
    assert "the slides are of 2 groups" in found.warnings[-1]


def test_real_fields(shared_data: Path, tmp_path: Path) -> None:
    found = ht.init(shared_data / "dextran", tmp_path)
    assert (len(found.table), found.tissue, found.patch) == (7, "all", 256)


def test_what_slides_have_in_common_is_one_line() -> None:
    assert in_one_line(["a"], "d") == "a: d"
    assert in_one_line(["a", "b"], "d") == "a and 1 more slide: d"
    assert in_one_line(["a", "b", "c"], "d") == "a and 2 more slides: d"
