"""``--z`` from inspecting to predicting: what training reads, prediction reads, or it says so."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from support.command import Ended, hrpn_tf
from support.run_folder import ROLES, make_run, pixels, write

import hrpn_tf as ht
from hrpn_tf.errors import DepthError, UsageError
from hrpn_tf.slides import open_slide, read_provenance, write_slide


def stack_of(path: Path, seed: int = 0, shape: tuple[int, int] = (96, 96)) -> np.ndarray:
    """Write a stack of three planes; (Z, C, H, W)."""
    planes = np.random.default_rng(seed).integers(5, 250, (3, 3, *shape)).astype(np.uint8)
    metadata = {"axes": "ZCYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5,
                "Channel": {"Name": list(ROLES)}}  # fmt: skip
    tifffile.imwrite(path, planes, ome=True, metadata=metadata)
    return planes


def flat(path: Path, image: np.ndarray) -> Path:
    write_slide(path, image, channels=ROLES, pixel_size_um=0.5, provenance={})
    return path


def predict(run: Path, *arguments: object) -> Ended:
    return hrpn_tf("predict", "--run", run, "--workers", "0", "--quiet", *arguments)


def test_a_stack_is_predicted_as_its_projection_or_not_at_all(run: Path, tmp_path: Path) -> None:
    planes = stack_of(tmp_path / "stack.ome.tif")
    out = tmp_path / "out"
    slides = [tmp_path / "stack.ome.tif", "--out", out]
    refused = predict(run, *slides)
    assert refused.exit_code == 2
    (line,) = refused.err.strip().splitlines()
    assert "3 planes in depth, where one is wanted; choose with --z PLANE (from 1)" in line
    assert not out.exists()
    assert predict(run, *slides, "--z", "max", "--with-inputs").exit_code == 0
    single = flat(tmp_path / "flat.ome.tif", planes.max(axis=0).transpose(1, 2, 0))
    assert predict(run, single, "--out", out).exit_code == 0
    np.testing.assert_array_equal(pixels(out / "stack.ome.tif"), pixels(out / "flat.ome.tif"))
    made = read_provenance(out / "stack.ome.tif")
    assert (made["input"]["z"], made["configuration"]["data"]["z"]) == ("max", "max")
    assert "z" not in read_provenance(out / "flat.ome.tif")["input"]
    with open_slide(out / "with-inputs" / "stack.ome.tif") as slide:
        seen = slide.read(0, 0, 96, 96, [0])[..., 0]
    np.testing.assert_array_equal(seen, planes[:, 0].max(axis=0))
    # another choice is another prediction
    other = predict(run, tmp_path / "stack.ome.tif", single, "--out", out, "--z", "2")
    assert other.exit_code == 2
    assert "made with data.z=max, not 2" in other.err
    missing = predict(run, tmp_path / "stack.ome.tif", "--out", tmp_path / "b", "--z", "4")
    assert "has no plane 4 in depth; it has 3, counted from 1" in missing.err
    assert "--z x: give a plane" in predict(run, single, "--out", out, "--z", "x").err


def test_what_the_training_read_is_read_again_and_a_difference_is_said(
    network: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", network, overrides=["prediction.tile=64", "data.z=mean"])
    planes = stack_of(tmp_path / "stack.ome.tif")
    assert predict(run, tmp_path / "stack.ome.tif", "--out", tmp_path / "a").exit_code == 0
    mean = np.rint(planes.mean(axis=0)).astype(np.uint8).transpose(1, 2, 0)
    single = flat(tmp_path / "flat.ome.tif", mean)
    assert predict(run, single, "--out", tmp_path / "a").exit_code == 0
    found = [pixels(tmp_path / "a" / f"{name}.ome.tif") for name in ("stack", "flat")]
    np.testing.assert_array_equal(*found)
    other = predict(run, tmp_path / "stack.ome.tif", "--out", tmp_path / "b", "--z", "1")
    assert other.exit_code == 0
    assert "--z 1: the network of" in other.err
    assert "was trained with data.z=mean" in other.err
    ended = hrpn_tf(
        "analyse", run, "--slides", listed(tmp_path), "--predictions", tmp_path / "b",
        "--out", tmp_path / "analysis", "--quiet",
    )  # fmt: skip
    assert "made with data.z=1, not mean" in ended.err


def listed(folder: Path) -> Path:
    (folder / "list.csv").write_text("slide,group\nstack.ome.tif,c\n")
    return folder / "list.csv"


def test_inspect_init_and_prepare_take_it(tmp_path: Path) -> None:
    images = tmp_path / "images"
    for seed, group in enumerate("abc"):
        (images / group).mkdir(parents=True)
        stack_of(images / group / "s.ome.tif", seed)
    one, thumbnail = images / "a" / "s.ome.tif", tmp_path / "t.png"
    refused = hrpn_tf("inspect", one, "--out", thumbnail)
    assert refused.exit_code == 2
    assert "choose with --z" in refused.err
    seen = hrpn_tf("inspect", one, "--out", thumbnail, "--z", "3")
    assert "plane 3, counted from 1, of 3 planes" in seen.out
    without = hrpn_tf("init", images, "--out", tmp_path / "no", "--quiet")
    assert without.exit_code != 0
    assert "choose with --z" in without.err
    start = tmp_path / "start"
    assert hrpn_tf("init", images, "--out", start, "--quiet", "--z", "max").exit_code == 0
    assert yaml.safe_load((start / "hrpn.yaml").read_text())["data"]["z"] == "max"
    store = tmp_path / "store"
    prepared = hrpn_tf(
        "prepare", start / "slides.csv", "--config", start / "hrpn.yaml", "--out", store,
        "--set", "data.tissue.method=all", "--quiet",
    )  # fmt: skip
    assert prepared.exit_code == 0, prepared.err
    again = ["prepare", images, "--out", tmp_path / "other", "--set", "data.patch=64", "--quiet"]
    other = hrpn_tf(*again, "--set", "data.tissue.method=all", "--z", "2")
    assert other.exit_code == 0, other.err


def test_settings_of_older_patch_datasets_stay(tmp_path: Path) -> None:
    from hrpn_tf.config import DataConfig
    from hrpn_tf.data.plan import owned_settings

    assert "z" not in owned_settings(DataConfig())
    assert owned_settings(DataConfig(z=2))["z"] == 2
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        DataConfig(z=0)
    write(tmp_path / "a.ome.tif")  # a slide with one plane takes any choice
    with open_slide(tmp_path / "a.ome.tif", z="mean") as slide:
        assert slide.info.depth is None


def test_it_is_an_argument_in_python(run: Path, tmp_path: Path) -> None:
    planes = stack_of(tmp_path / "stack.ome.tif")
    with ht.open_slide(tmp_path / "stack.ome.tif", z=2) as slide:
        np.testing.assert_array_equal(slide.read(0, 0, 96, 96, [1])[..., 0], planes[1, 1])
    found = ht.predict(run, tmp_path / "stack.ome.tif", tmp_path / "out", z="mean")
    assert read_provenance(found.paths[0])["input"]["z"] == "mean"
    with pytest.raises(DepthError, match="choose with --z PLANE"):
        ht.predict(run, tmp_path / "stack.ome.tif", tmp_path / "other")
    array = np.zeros((96, 96, 2), np.uint8)
    with pytest.raises(UsageError, match="z: for slides in files"):
        ht.predict(run, array, pixel_size=0.5, z=1)
