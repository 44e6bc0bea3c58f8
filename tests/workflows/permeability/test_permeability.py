"""``hrpn-tf permeability``, from the command line and from Python."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.command import Ended, hrpn_tf
from support.leaky_section import FLOWS, LENGTH_UM, leaky_section, stain
from support.slides import write_slide

import hrpn_tf as ht
from hrpn_tf.workflows.permeability import windows

NAMES = ("vessels", "nuclei", "qd")
WHOLE = ("--set", "data.tissue.method=all", "--set", "spatial.vessel_threshold=50")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    section = leaky_section()
    target = np.clip(np.rint(section.target * 4), 0, 255)
    rng = np.random.default_rng(1)
    nuclei = rng.integers(5, 60, section.labels.shape)
    return np.stack([stain(section.labels), nuclei, target], axis=-1).astype(np.uint8)


@pytest.fixture
def slide(tmp_path: Path, image: np.ndarray) -> Path:
    return write_slide(tmp_path / "a.ome.tif", image, 1.0, NAMES)


def fit(slide: Path, *arguments: object) -> Ended:
    out = slide.parent / "fit"
    return hrpn_tf("permeability", slide, "--out", out, "--quiet", *arguments)


def rows(slide: Path) -> list[dict[str, str]]:
    with (slide.parent / "fit" / "vessels.csv").open() as file:
        return list(csv.DictReader(file))


def test_vessels_of_known_leakage_are_found_again(slide: Path) -> None:
    ended = fit(slide, *WHOLE, "--parquet")
    assert ended.exit_code == 0
    assert "dose and time" in ended.out
    folder = slide.parent / "fit"
    assert {path.name for path in folder.iterdir()} == {
        "vessels.csv", "vessels.parquet", "permeability.json", "permeability.html", "maps.png",
        "strengths.png",
    }  # fmt: skip
    values = json.loads((folder / "permeability.json").read_text())
    assert values["diffusion_length_um"] == pytest.approx(LENGTH_UM, rel=0.1)
    assert values["diffusion_length_low_um"] < values["diffusion_length_high_um"]
    assert values["explained_variance"] > 0.9
    found = rows(slide)
    strength = np.array([float(row["strength"]) for row in found])
    true = np.array(FLOWS)  # both are numbered in the order of rows
    leaky = true > 0
    ratio = strength[leaky] / true[leaky]
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=0.2)
    assert [row["leaky"] for row in found] == ["1" if each else "0" for each in leaky]
    medians = [float(row["strength"]) for row in found if row["leaky"] == "1"]
    assert np.median(medians) == pytest.approx(1)
    page = (folder / "permeability.html").read_text()
    assert "data:image/png;base64," in page
    assert "absolute permeability cannot" in page


def test_windows_do_not_change_the_strengths(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"data.tissue.method": "all", "spatial.vessel_threshold": 50}
    options = {"length_um": LENGTH_UM, "settings": settings}
    whole = ht.permeability(slide, tmp_path / "whole", **options)
    assert whole.diffusion_length_interval_um is None
    assert "vessels=8" in repr(whole)
    monkeypatch.setattr(windows, "CORE_PX", 200)
    parts = ht.permeability(slide, tmp_path / "parts", **options)
    one, other = (np.array([row["flow"] for row in each.vessels]) for each in (whole, parts))
    np.testing.assert_allclose(other, one, rtol=0.1, atol=0.05)
    assert one.sum() > 1


def test_a_plasma_level_adds_the_ratio_to_the_diffusion_coefficient(slide: Path) -> None:
    assert fit(slide, *WHOLE, "--plasma-level", 500, "--length", LENGTH_UM).exit_code == 0
    for row in rows(slide):
        expected = float(row["flow"]) / (500 - float(row["at_wall"]))
        assert float(row["p_over_d_per_um"]) == pytest.approx(expected)


def test_a_mask_made_elsewhere_is_taken(slide: Path) -> None:
    labels = leaky_section().labels
    labels[:, 150:] = 0
    mask = slide.parent / "mask.tif"
    tifffile.imwrite(mask, labels.astype(np.uint8))
    assert fit(slide, *WHOLE, "--vessel-mask", mask).exit_code == 0
    assert len(rows(slide)) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--target", "dextran"), "dextran"),
        (("--target", "vessels"), "different roles"),
        (("--target", "605"), "no channel 605;"),
        (("--target", "QD: 605"), "no channel 'QD: 605'"),
        (("--target", "null"), "no channel 'null'"),
        (("--length", -3), "--length -3"),
        (("--length", 5), "--length 5"),
        (("--length", 70), "larger --cell"),
        (("--cell", "nan"), "--cell nan"),
        ((*WHOLE, "--cell", 1e6), "--cell 1e+06: larger than the slide"),
        (("--channel", "qd"), "ROLE=NAME"),
        (("--set", "training.epochs=3"), "training.epochs"),
        (("--set", "spatial.vessel_threshold=250"), "no vessel"),
        (("--set", "data.tissue.method=threshold", "--set", "data.tissue.threshold=250"),
         "no tissue"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_refused(
    slide: Path, arguments: tuple[object, ...], says: str
) -> None:
    ended = fit(slide, *arguments)
    assert ended.exit_code in (1, 2)
    assert says in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not (slide.parent / "fit").exists()


def test_bad_images_are_refused(tmp_path: Path, image: np.ndarray) -> None:
    constant = image.copy()
    constant[..., 2] = 7
    flat = write_slide(tmp_path / "flat.ome.tif", constant, 1.0, NAMES)
    assert "qd is 7 everywhere" in fit(flat).err
    unknown = write_slide(tmp_path / "unknown.ome.tif", image, None, NAMES)
    assert "pixel size" in fit(unknown).err
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.ones((40, 40), np.uint8))
    slide = write_slide(tmp_path / "a.ome.tif", image, 1.0, NAMES)
    ended = fit(slide, "--vessel-mask", other)
    assert ended.exit_code == 2
    assert "40 x 40 px" in ended.err
    empty = tmp_path / "empty.tif"
    tifffile.imwrite(empty, np.zeros(image.shape[:2], np.uint8))
    assert "no vessel" in fit(slide, "--vessel-mask", empty).err
    assert "no such slide" in fit(tmp_path / "none.tif").err
    assert not (tmp_path / "fit").exists()


def test_a_result_is_kept_without_overwrite(slide: Path) -> None:
    folder = slide.parent / "fit"
    folder.mkdir()
    (folder / "mine.txt").write_text("kept")
    assert fit(slide).exit_code != 0
    assert (folder / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize("out", ["a.ome.tif", "."])
@pytest.mark.parametrize("command", ["permeability", "analyse"])
def test_the_slide_is_not_replaced_by_its_result(slide: Path, command: str, out: str) -> None:
    before = slide.read_bytes()
    ended = hrpn_tf(
        command, slide, "--out", slide.parent / out, "--overwrite", "--quiet", *WHOLE[:2]
    )
    assert (ended.exit_code, len(ended.err.splitlines())) == (2, 1)
    assert "would replace" in ended.err
    assert slide.read_bytes() == before


def test_analyse_adds_columns_of_a_measured_target(slide: Path) -> None:
    out = slide.parent / "analysis"
    arguments = (*WHOLE, "--no-overlays", "--permeability", "--quiet")
    assert hrpn_tf("analyse", slide, "--out", out, *arguments).exit_code == 0
    with (out / "vessels.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [row["leaky"] for row in found] == ["1" if flow else "0" for flow in FLOWS]
    assert all(float(row["strength"]) <= float(row["strength_upper"]) for row in found)
