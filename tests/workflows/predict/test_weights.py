"""A first look with weights, by name."""

import html
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.command import hrpn_tf
from support.run_folder import pixels, write
from support.small_weights import NAME, make_weights, use

import hrpn_tf as ht
from hrpn_tf.errors import CalibrationError, UnknownWeightsError, UsageError
from hrpn_tf.slides import read_provenance


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def package(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use(monkeypatch, made, tmp_path / "user")
    monkeypatch.chdir(tmp_path)
    return made


def test_a_first_look(package: Path, tmp_path: Path) -> None:
    slide = write(tmp_path / "a.ome.tif", shape=(64, 80))
    ended = hrpn_tf("predict", slide, "--weights", NAME)
    assert ended.exit_code == 0, ended.err
    assert f"{NAME} was trained on simulations: the prediction is a pattern, not amounts" in (
        " ".join(ended.err.split())
    )
    model = read_provenance(tmp_path / f"predictions-{NAME}" / "a.ome.tif")["model"]
    assert model["weights"] == NAME
    assert "a pattern, not amounts" in model["remark"]
    again = hrpn_tf("predict", slide, "--weights", NAME)
    assert again.exit_code == 2
    assert "exists" in again.err


def test_a_first_look_is_compared_with_measured_slides(package: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.ome.tif", shape=(64, 80))
    (tmp_path / "measured.csv").write_text("slide,group\na.ome.tif,a\n")
    ended = hrpn_tf("evaluate", "measured.csv", "--weights", NAME)
    said = f"make them with: hrpn-tf predict measured.csv --weights {NAME} --out predictions-{NAME}"
    assert (ended.exit_code, said in ended.err) == (2, True), ended.err
    assert hrpn_tf("predict", "measured.csv", "--weights", NAME).exit_code == 0
    ended = hrpn_tf("evaluate", "measured.csv", "--weights", NAME)
    assert ended.exit_code == 0, ended.err
    assert (tmp_path / f"evaluation-{NAME}" / "metrics.json").is_file()
    for arguments, said in (
        (("--weights", NAME), "name measured slides in a list"),
        (("measured.csv", "--weights", NAME, "--run", "run"), "and not both"),
        (("measured.csv", "--weights", "small-sym"), "no weights of this name"),
        (("measured.csv",), "one of --run RUN and --weights NAME is required"),
        (("measured.csv", "--weights", NAME, "--baselines"), "no training slides to fit baselines"),
        (("measured.csv", "--weights", NAME, "--trees"), "no training slides to fit baselines"),
        (
            ("measured.csv", "--weights", NAME, "--spatial", "--ablate", "vessels", "--overwrite"),
            "weights do not say the mean grey level of an input; ablate with --ablate-by shuffle",
        ),
    ):
        ended = hrpn_tf("evaluate", *arguments)
        assert (ended.exit_code, said in ended.err) == (2, True), ended.err


def test_the_report_of_a_first_look(package: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.ome.tif", shape=(64, 80))
    (tmp_path / "measured.csv").write_text("slide,group\na.ome.tif,a\n")
    ht.predict(slides="measured.csv", weights=NAME)
    evaluated = ht.evaluate(slides="measured.csv", weights=NAME)
    assert evaluated.folder == Path(f"evaluation-{NAME}")
    caution = f"{NAME} was trained on simulations: the prediction is a pattern, not amounts."
    verdict = (evaluated.folder / "metrics.md").read_text()
    assert f"- {caution}" in verdict
    assert ("- measure more animals." in verdict, "crossval" in verdict) == (True, False)
    ended = hrpn_tf("report", evaluated.folder)
    assert (ended.exit_code, "name measured slides in a list" in ended.err) == (2, True)
    reported = ht.report(evaluated, "measured.csv")
    assert (reported.slides, dict(reported.problems)) == (1, {})
    page = html.unescape(reported.page.read_text(encoding="utf-8"))
    assert caution in page
    assert f"hrpn-tf evaluate measured.csv --weights {NAME} --spatial --overwrite" in page
    assert "no prediction intervals, which weights do not have" in page
    assert "--run" not in page
    Path(f"predictions-{NAME}").rename("elsewhere")
    ended = hrpn_tf("report", evaluated.folder, "measured.csv", "--overwrite")
    assert f"hrpn-tf predict measured.csv --weights {NAME} --out predictions-{NAME}" in ended.err
    ht.report(evaluated, "measured.csv", predictions="elsewhere", overwrite=True)
    page = html.unescape(reported.page.read_text(encoding="utf-8"))
    assert f"--weights {NAME} --predictions elsewhere --spatial --overwrite" in page
    with pytest.raises(UsageError, match="either run or weights is required"):
        ht.evaluate("run", weights=NAME)
    with pytest.raises(UsageError, match="have no training slides"):
        ht.evaluate(slides="measured.csv", weights=NAME, trees=True)
    metrics = evaluated.folder / "metrics.json"
    metrics.write_text(metrics.read_text().replace(f'"weights": "{NAME}"', '"weights": "\x1b[2J"'))
    ended = hrpn_tf("report", evaluated.folder, "measured.csv", "--overwrite")
    assert ended.exit_code == UnknownWeightsError.exit_code or "damaged" in ended.err
    assert "\x1b[2J" not in ended.err


def test_the_report_of_an_evaluation_within_a_folder_of_weights(
    package: Path, tmp_path: Path
) -> None:
    """They need not be in the catalogue, and their predictions are in the folder."""
    write(tmp_path / "a.ome.tif", shape=(64, 80))
    (tmp_path / "measured.csv").write_text("slide,group\na.ome.tif,a\n")
    own = shutil.copytree(package / NAME, tmp_path / "own")
    ht.predict(slides="measured.csv", weights=NAME, out=own / "predictions")
    with pytest.raises(UsageError, match="have no training slides"):
        ht.evaluate(own, "measured.csv", trees=True)
    ended = hrpn_tf("evaluate", "measured.csv", "--run", own, "--baselines")
    assert (ended.exit_code, "have no training slides" in ended.err) == (2, True), ended.err
    ht.evaluate(own, "measured.csv")
    for path in (own, own / "evaluation"):
        reported = ht.report(path, "measured.csv", overwrite=True)
        assert (reported.slides, dict(reported.problems)) == (1, {})


def test_weights_are_compared_without_baselines(
    package: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "a.ome.tif", shape=(64, 80))
    (tmp_path / "measured.csv").write_text("slide,group\na.ome.tif,a\n")
    own = shutil.copytree(package / NAME, tmp_path / "own")
    ht.predict(slides="measured.csv", weights=NAME, out=own / "predictions")
    ht.evaluate(own, "measured.csv")
    assert [row["label"] for row in ht.compare({"own": own}, tmp_path / "compared").table] == [
        "own"
    ]
    assert "no baselines" in caplog.text


def test_the_same_in_python(package: Path, tmp_path: Path) -> None:
    slide = write(tmp_path / "a.ome.tif", shape=(64, 80))
    found = ht.predict(slides=slide, weights=NAME, out=tmp_path / "out.ome.tif")
    image = np.stack([_plane(slide, i) for i in range(2)], -1)
    array = ht.predict(slides=image, weights=NAME, pixel_size=0.5)
    np.testing.assert_allclose(array, pixels(found.path), atol=0.51)
    with pytest.raises(UsageError, match="either network or weights"):
        ht.predict(tmp_path, slide, weights=NAME)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="for bundles only"):
        ht.predict(None, slide, weights=NAME, device="cuda")  # type: ignore[call-overload]


def _plane(path: Path, channel: int) -> np.ndarray:
    with ht.open_slide(path) as slide:
        return slide.read(0, 0, slide.info.height, slide.info.width, [channel])[..., 0]


def test_unknown_and_contradicting(package: Path, tmp_path: Path) -> None:
    slide = write(tmp_path / "a.ome.tif", shape=(64, 80))
    ended = hrpn_tf("predict", slide, "--weights", "small-sym")
    assert ended.exit_code == UnknownWeightsError.exit_code
    assert f"did you mean {NAME}" in ended.err
    ended = hrpn_tf("predict", slide, "--weights", NAME, "--run", "run")
    assert "one of --run RUN, --bundle BUNDLE or --weights NAME is required" in ended.err
    ended = hrpn_tf("predict", slide, "--weights", NAME, "--intervals")
    assert ended.exit_code == CalibrationError.exit_code
    assert "weights have no prediction intervals" in ended.err
    ended = hrpn_tf("predict", "--weights", NAME)
    assert "weights name no slides" in ended.err


def test_other_channels(package: Path, tmp_path: Path) -> None:
    slide = write(tmp_path / "a.ome.tif", channels=("vessels",), shape=(64, 80))
    ended = hrpn_tf("predict", slide, "--weights", NAME)
    assert ended.exit_code == 2
    assert "nuclei" in ended.err


def test_other_channels_than_those_of_the_network(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = shutil.copytree(made, tmp_path / "package")
    use(monkeypatch, own, tmp_path / "user")
    for path in (own / "registry.json", own / NAME / "weights.json"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"nuclei"', '"cells"'), encoding="utf-8")
    slide = write(tmp_path / "a.ome.tif", shape=(64, 80))
    ended = hrpn_tf("predict", slide, "--weights", NAME)
    assert ended.exit_code == 1
    assert "states other channels or another pixel size than its network" in ended.err


@pytest.mark.parametrize(("size", "fits"), [(1.0, True), (1.2, False), (0.3, True)])
def test_other_pixel_sizes(package: Path, tmp_path: Path, size: float, fits: bool) -> None:
    slide = write(tmp_path / "a.ome.tif", size=size, shape=(64, 80))
    ended = hrpn_tf("predict", slide, "--weights", NAME, "--out", tmp_path / "o.ome.tif")
    assert (ended.exit_code == 0) == fits, ended.err
    assert fits or "made for pixels of at most 1 um" in ended.err


def test_all_groups_of_a_list(package: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.ome.tif", shape=(64, 80))
    (tmp_path / "slides.csv").write_text("slide,group\na.ome.tif,a\n")  # a trained the run
    assert hrpn_tf("predict", tmp_path / "slides.csv", "--weights", NAME).exit_code == 0
