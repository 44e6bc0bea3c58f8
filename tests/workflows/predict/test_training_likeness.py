"""``hrpn-tf describe-training``, and what ``hrpn-tf predict`` says of slides that are unlike."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hrpn_export import open_bundle
from hrpn_export.errors import DamagedBundleError
from support.command import hrpn_tf
from support.profiled_run import image, make_slide, profiled_run, unprofiled_run

from hrpn_tf.data.tissue import TissueConfig
from hrpn_tf.errors import NonFinitePixelsError
from hrpn_tf.evaluation.out_of_distribution import load_profile
from hrpn_tf.prediction import Region, TissueMap
from hrpn_tf.runs.folder import TRAINING_PROFILE as NAME
from hrpn_tf.slides import read_provenance
from hrpn_tf.workflows.predict.out_of_distribution import KEY, assess, coarse_tissue, window_corners

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return profiled_run(tmp_path_factory.mktemp("profiled"))


def predicted(network: Path, slide: Path, out: Path, *options: object) -> dict[str, Any]:
    """What the written slide says of its likeness."""
    kind = "--bundle" if (network / "bundle.json").exists() else "--run"
    assert hrpn_tf("predict", kind, network, slide, "--out", out, *options).exit_code == 0
    found: dict[str, Any] = read_provenance(out).get(KEY, {})
    return found


KINDS = ("grey levels", "structure", "noise")


def test_a_slide_of_the_same_kind_is_quiet(run: Path, tmp_path: Path, capsys: Capture) -> None:
    slide = run.parent / "slides" / "f.ome.tif"
    found = predicted(run, slide, tmp_path / "f.ome.tif")
    said = capsys.readouterr()
    assert found["out_of_distribution"] is False
    assert 0 < found["score"] <= 1
    assert set(found["scores"]) == {
        *(f"{what} of {c}" for what in KINDS for c in ("vessels", "nuclei")),
        "features of the network",
    }
    assert found["reasons"] == []
    assert "hrpn-tf:" not in said.err
    assert "like the training slides (score 0." in said.out


def test_a_slide_that_shows_nothing_is_told(run: Path, tmp_path: Path, capsys: Capture) -> None:
    slide = make_slide(tmp_path / "empty.ome.tif", 50, np.zeros_like)
    found = predicted(run, slide, tmp_path / "out.ome.tif")
    assert found["constant"] == ["vessels", "nuclei"]
    said = " ".join(capsys.readouterr().err.split())
    assert "vessels, nuclei has one value wherever the slide was looked at" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: np.clip(s * 3.0, 0, 255).astype(s.dtype), "channel vessels is brighter than"),
        (lambda s: s[..., [1, 0, 2]], "channels vessels and nuclei look swapped"),
        (lambda s: s[::2, ::2], "another pixel size than the file states"),
    ],
    ids=["stain", "swapped", "pixels"],
)
def test_another_slide_is_named_in_a_line_and_predicted(
    run: Path,
    tmp_path: Path,
    capsys: Capture,
    change: Callable[[np.ndarray], np.ndarray],
    said: str,
) -> None:
    slide = make_slide(tmp_path / "other.ome.tif", 9, change)
    found = predicted(run, slide, tmp_path / "out.ome.tif")
    captured = capsys.readouterr()
    (line,) = [text for text in captured.err.splitlines() if text.startswith("hrpn-tf:")]
    assert line.startswith("hrpn-tf: other.ome.tif: unlike the training slides (out of")
    assert said in line
    assert found["out_of_distribution"] is True
    assert said in "; ".join(found["reasons"])
    assert "unlike the training slides (score" in captured.out


def test_a_run_without_a_profile_says_so_once(run: Path, tmp_path: Path, capsys: Capture) -> None:
    plain = shutil.copytree(run, tmp_path / "plain")
    (plain / NAME).unlink()
    slides = [run.parent / "slides" / f"{name}.ome.tif" for name in "ef"]
    options = ["--out", tmp_path / "out", "--workers", 0]
    assert hrpn_tf("predict", "--run", plain, *slides, *options).exit_code == 0
    said = capsys.readouterr().err
    assert said.count("has no training profile") == 1
    assert KEY not in read_provenance(tmp_path / "out" / "e.ome.tif")
    (plain / NAME).write_bytes(b"damaged")
    predicted(plain, slides[0], tmp_path / "e.ome.tif")
    assert (
        f"{NAME}: damaged; make it again with hrpn-tf describe-training" in capsys.readouterr().err
    )


def test_one_training_slide_teaches_no_limits(tmp_path: Path, capsys: Capture) -> None:
    run = profiled_run(tmp_path, train="a")
    assert "1 training slides, too few to learn limits from" in capsys.readouterr().out
    slide = make_slide(tmp_path / "bright.ome.tif", 9, lambda s: np.minimum(s, 80) * 3)
    found = predicted(run, slide, tmp_path / "out.ome.tif")
    assert found["score"] is None
    assert "do not tell how much slides of their kind differ" in found["left_out"][0]
    assert "hrpn-tf:" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "constant", "unlike"),
    [
        (np.zeros_like, ["vessels", "nuclei"], True),
        (lambda s: np.full_like(s, 7), ["vessels", "nuclei"], True),
        (lambda s: s[100:140, 100:150], [], False),
    ],
    ids=["black", "grey", "tiny"],
)
def test_slides_without_tissue_and_tiny_ones_are_predicted(
    run: Path,
    tmp_path: Path,
    change: Callable[[np.ndarray], np.ndarray],
    constant: list[str],
    unlike: bool,
) -> None:
    slide = make_slide(tmp_path / "other.ome.tif", 3, change)
    found = predicted(run, slide, tmp_path / "out.ome.tif")
    assert found["constant"] == constant
    assert found["out_of_distribution"] is unlike, found


def test_a_small_region_is_compared_with_its_surroundings(run: Path, tmp_path: Path) -> None:
    slide = run.parent / "slides" / "f.ome.tif"
    whole = predicted(run, slide, tmp_path / "whole.ome.tif")
    part = predicted(run, slide, tmp_path / "part.ome.tif", "--region", "40,60,50,30")
    assert part == whole, "the slide is no larger than what is looked at"


def test_windows_that_cannot_be_read_are_passed_over(run: Path) -> None:
    class Torn:
        """Half of a float slide is NaN, so that the windows there cannot be read."""

        def __init__(self, until: int) -> None:
            self.until = until
            self.pixels = image(3)[..., :2].astype(np.float32)

        def read(self, y: int, x: int, h: int, w: int, channels: object, level: int = 0) -> Any:
            if x + w > self.until:
                raise NonFinitePixelsError("NaN there")
            return self.pixels[y : y + h, x : x + w]

    profile = load_profile(run / NAME)
    area, tissue = Region(0, 0, 256, 320), None
    found = [
        assess(profile, object(), Torn(until), (0, 1), area, tissue, False)[KEY]  # type: ignore[arg-type]
        for until in (320, 200, 0)
    ]
    assert found[0]["windows"] > found[1]["windows"] > 0
    assert found[1]["score"] > 0
    assert found[2]["score"] is None
    assert found[2]["left_out"] == ["none of the slide's windows can be read"]


def test_a_bundle_takes_the_profile_along(run: Path, tmp_path: Path, capsys: Capture) -> None:
    bundle, slide = tmp_path / "bundle", run.parent / "slides" / "f.ome.tif"
    assert hrpn_tf("export", run, "--out", bundle, "--onnx", "--precision", "fp32").exit_code == 0
    assert (bundle / NAME).read_bytes() == (run / NAME).read_bytes()
    capsys.readouterr()
    found = predicted(bundle, slide, tmp_path / "f.ome.tif")
    assert len(found["scores"]) == 2 * len(KINDS)
    assert found["left_out"] == ["features of the network: they need its Keras model"]
    keras = predicted(bundle, slide, tmp_path / "k.ome.tif", "--model-format", "keras")
    assert "features of the network" in keras["scores"]
    assert keras["scores"]["grey levels of nuclei"] == found["scores"]["grey levels of nuclei"]
    (bundle / NAME).write_bytes(b"another")
    with pytest.raises(DamagedBundleError, match=f"{NAME} is not as it was exported"):
        open_bundle(bundle)


def test_real_neurons_are_unlike_a_tumour(run: Path, tmp_path: Path, shared_data: Path) -> None:
    slide = shared_data / "neurons" / "kevan-a4.ome.tif"
    options = ["--channel", "vessels=MAP2", "--channel", "nuclei=DAPI", "--pixel-size", 0.5]
    found = predicted(run, slide, tmp_path / "out.ome.tif", *options)
    assert found["out_of_distribution"] is True
    assert found["score"] > 5


def test_a_store_of_other_channels_is_refused(run: Path, tmp_path: Path, capsys: Capture) -> None:
    other = unprofiled_run(tmp_path / "other", tissue="all")
    contract = other / "contract.json"
    contract.write_text(contract.read_text().replace("vessels", "fibroblasts"))
    assert hrpn_tf("describe-training", other).exit_code == 2
    assert "name its own patch dataset with --store" in capsys.readouterr().err
    assert hrpn_tf("describe-training", run, "--store", tmp_path / "none").exit_code == 1
    assert hrpn_tf("describe-training", tmp_path / "nowhere").exit_code == 2


def test_windows_lie_in_the_tissue_of_the_area() -> None:
    mask = np.zeros((20, 30), bool)
    mask[4:16, 10:28] = True
    tissue = TissueMap(mask, (10.0, 10.0), ())
    corners = window_corners(Region(20, 40, 150, 200), 20, tissue)
    assert len(corners) == 32
    for y, x in corners:
        assert mask[y // 10 : (y + 20) // 10, x // 10 : (x + 20) // 10].all()
        assert 20 <= y <= 150
        assert 40 <= x <= 220
    assert window_corners(Region(5, 6, 9, 9), 20, None).tolist() == [[5, 6]]


def test_tissue_is_as_coarse_as_for_training() -> None:
    means = np.zeros((64, 96, 2), np.float32)
    means[16:48, 16:64] = 50.0
    means[16:48:4, 16:64] = 1.0  # what a finer map would leave out
    tissue = coarse_tissue(means, (1.0, 1.0), 0.5, TissueConfig(method="threshold", scale_um=4.0))
    assert tissue.mask.shape == (8, 12)
    assert tissue.scale == (8.0, 8.0)
    assert tissue.mask[2:6, 2:8].all()
    assert tissue.mask.sum() == 24
