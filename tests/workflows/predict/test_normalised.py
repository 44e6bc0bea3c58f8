"""Predictions of a network that was trained on normalised slides."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hrpn_export import Contract
from support.command import hrpn_tf
from support.run_folder import ROLES, TILE, make_run, pixels, write

from hrpn_tf.evaluation.out_of_distribution import describe, learn_profile, save_profile
from hrpn_tf.runs.folder import TRAINING_PROFILE
from hrpn_tf.slides import open_slide, read_provenance, write_slide

LEVELS = ((4.0, 250.0), (5.0, 200.0))
CONTRACT = Contract(ROLES[:2], ("qd",), 0.5, 4, 41, True, 255.0, reference_levels=LEVELS)
REFERENCE = {role: list(pair) for role, pair in zip(ROLES, LEVELS, strict=False)}
OVERRIDES = [
    f"prediction.tile={TILE}",
    "data.normalisation=slide",
    f"data.reference={yaml.safe_dump(REFERENCE, default_flow_style=True)}",
]


@pytest.fixture
def run(tmp_path: Path, network: Path) -> Path:
    """A run whose network takes normalised inputs, beside a slide and the same one shifted."""
    write(tmp_path / "a.ome.tif", 0)
    with open_slide(tmp_path / "a.ome.tif") as slide:
        image = slide.read(0, 0, slide.info.height, slide.info.width, [0, 1, 2]).astype(float)
    image[..., :2] = image[..., :2] * (200.0, 20.0) + (1000.0, 50.0)
    write_slide(tmp_path / "b.ome.tif", np.rint(image).astype(np.uint16), channels=ROLES,
                pixel_size_um=0.5, provenance={})  # fmt: skip
    # all of it is tissue: in noise, the mask would depend on which channel is the brighter one
    overrides = [*OVERRIDES, "data.tissue.method=all"]
    return make_run(tmp_path / "run", network, CONTRACT, overrides=overrides)


def predict(run: Path, *arguments: object) -> int:
    return hrpn_tf("predict", "--run", run, *arguments).exit_code


def test_gain_and_offset_of_a_slide_do_not_matter(run: Path, tmp_path: Path) -> None:
    """Although the types differ, too; and the file says what was done."""
    one, other = tmp_path / "one.ome.tif", tmp_path / "other.ome.tif"
    assert predict(run, tmp_path / "a.ome.tif", "--out", one) == 0
    assert predict(run, tmp_path / "b.ome.tif", "--out", other) == 0
    spread = float(pixels(one).std())
    np.testing.assert_allclose(pixels(other), pixels(one), rtol=0, atol=0.02 * spread)
    made = read_provenance(other)["normalisation"]
    assert made["vessels"]["reference"] == list(LEVELS[0])
    gain, offset = made["vessels"]["gain"], made["vessels"]["offset"]
    assert gain * made["vessels"]["dark"] + offset == pytest.approx(LEVELS[0][0])
    assert gain * made["vessels"]["bright"] + offset == pytest.approx(LEVELS[0][1])


def test_no_factor_of_brightness_is_said_to_pass(run: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    windows = [random.uniform(0, 100, (32, 32, 2)).astype(np.float32) for _ in range(4)]
    slides = {f"s{i}": (f"s{i}", describe([window])) for i, window in enumerate(windows)}
    save_profile(learn_profile(ROLES[:2], slides, 32), run / TRAINING_PROFILE)
    assert predict(run, tmp_path / "a.ome.tif", "--out", tmp_path / "one.ome.tif") == 0
    found = read_provenance(tmp_path / "one.ome.tif")["training_likeness"]
    assert found["score"] > 0
    assert not {"unnoticed", "caution"} & set(found)


def test_the_result_is_that_of_the_normalised_slide(
    run: Path, tmp_path: Path, network: Path
) -> None:
    """The network alone, on a slide that is normalised beforehand, gives the same."""
    out, plain = tmp_path / "out.ome.tif", tmp_path / "plain.ome.tif"
    assert predict(run, tmp_path / "b.ome.tif", "--out", out, "--no-skip-empty") == 0
    made = read_provenance(out)["normalisation"]
    with open_slide(tmp_path / "b.ome.tif") as slide:
        image = slide.read(0, 0, slide.info.height, slide.info.width, [0, 1]).astype(np.float32)
    lines = [(made[role]["gain"], made[role]["offset"]) for role in ROLES[:2]]
    gains, offsets = np.array(lines, np.float32).T
    write_slide(tmp_path / "n.ome.tif", image * gains + offsets, channels=ROLES[:2],
                pixel_size_um=0.5, provenance={})  # fmt: skip
    other = make_run(tmp_path / "other", network, replace(CONTRACT, reference_levels=None))
    assert predict(other, tmp_path / "n.ome.tif", "--out", plain, "--no-skip-empty") == 0
    np.testing.assert_allclose(pixels(out), pixels(plain), rtol=1e-5, atol=1e-3)


def test_a_part_is_normalised_by_the_whole_slide(run: Path, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.ome.tif", tmp_path / "part.ome.zarr"
    source = tmp_path / "b.ome.tif"
    assert predict(run, source, "--out", whole, "--no-skip-empty") == 0
    arguments = ["--region", "40,20,100,90", "--no-skip-empty", "--set", "prediction.tile=48"]
    assert predict(run, source, "--out", part, *arguments) == 0
    np.testing.assert_allclose(pixels(part), pixels(whole)[20:110, 40:140], rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("value", "message"), [(0, "no tissue"), (9, "the channel of vessels is 9")]
)
def test_slides_that_cannot_be_normalised(
    tmp_path: Path, network: Path, value: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is computed, and nothing is left."""
    run = make_run(tmp_path / "run", network, CONTRACT, overrides=OVERRIDES)
    image = np.full((80, 90, 3), value, np.uint8)
    write_slide(tmp_path / "flat.ome.tif", image, channels=ROLES, pixel_size_um=0.5, provenance={})
    out = tmp_path / "results" / "out.ome.tif"
    assert predict(run, tmp_path / "flat.ome.tif", "--out", out) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.parent.exists()


def test_a_contract_keeps_its_levels() -> None:
    assert Contract.from_json(CONTRACT.to_json()) == CONTRACT
    assert "reference_levels" not in replace(CONTRACT, reference_levels=None).fields()
