"""``hrpn-tf calibrate`` on a small run: what it leaves, predicts, exports and refuses."""

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hrpn_export import open_bundle
from support.command import hrpn_tf
from support.exported_run import SHAPE, exportable_run, image
from support.run_folder import ROLES

from hrpn_tf.slides import open_slide, read_provenance, write_slide
from hrpn_tf.workflows.calibrate import calibrate as calibrate_run
from hrpn_tf.workflows.calibrate import scoring as interval_slides

NEW = 4  # groups; a coverage of 0.7 needs 3


@pytest.fixture(scope="module", autouse=True)
def few_steps() -> Iterator[None]:
    """The heads of a test need not be good."""
    make = calibrate_run._heads
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            calibrate_run, "_heads", lambda *args: replace(make(*args), epochs=2, steps=3)
        )
        yield


def write_list(folder: Path, first: int, pixels: np.ndarray | None = None) -> Path:
    """Slides that the run never saw; ``pixels`` takes the place of the last one."""
    folder.mkdir()
    lines = ["slide,group"]
    for number in range(first, first + NEW):
        last = number == first + NEW - 1 and pixels is not None
        write_slide(
            folder / f"n{number}.ome.tif",
            pixels if last and pixels is not None else image(number),
            channels=ROLES,
            pixel_size_um=0.5,
            provenance={},
        )
        lines.append(f"n{number}.ome.tif,group{number}")
    (folder / "slides.csv").write_text("\n".join(lines))
    return folder / "slides.csv"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrate")
    run = exportable_run(folder)
    config = (run / "hrpn.yaml").read_text()
    (run / "hrpn.yaml").write_text(config.replace("batch_size: 8", "batch_size: 4"))
    write_list(folder / "new", 10)
    return run


@pytest.fixture(scope="module")
def run(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibrated."""
    copy = tmp_path_factory.mktemp("calibrated") / "run"
    shutil.copytree(plain, copy)
    assert calibrate(copy, plain) == 0
    return copy


def calibrate(run: Path, plain: Path, *options: object) -> int:
    slides = plain.parent / "new" / "slides.csv"
    return hrpn_tf("calibrate", run, slides, "--coverage", "0.7", *options).exit_code


def pixels(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    with open_slide(path) as slide:
        names = tuple(slide.info.channels)
        return slide.read(0, 0, *SHAPE, range(len(names))), names


def test_coverage_is_that_of_the_predicted_channels(run: Path) -> None:
    assert hrpn_tf("predict", "--run", run, "--intervals", "--with-inputs").exit_code == 0
    assert hrpn_tf("predict", "--run", run).exit_code == 0
    both, names = pixels(run / "predictions-intervals" / "c.ome.tif")
    alone, _ = pixels(run / "predictions" / "c.ome.tif")
    assert names == ("qd", "qd_lower", "qd_upper")
    np.testing.assert_array_equal(both[..., :1], alone)
    seen, channels = pixels(run / "predictions-intervals" / "with-inputs" / "c.ome.tif")
    assert channels[2:] == ("qd (predicted)", "qd_lower (predicted)", "qd_upper (predicted)")
    np.testing.assert_array_equal(seen[..., :2], image(2)[..., :2])
    np.testing.assert_array_equal(seen[..., 2:], both)
    truth = image(2)[..., 2]
    inside = (both[..., 1] <= truth) & (truth <= both[..., 2])
    table = list(csv.DictReader((run / "calibrated" / "coverage.csv").open()))
    (slide,) = (row for row in table if row["kind"] == "slide")
    assert float(slide["coverage"]) == pytest.approx(inside.mean(), abs=1e-6)
    assert int(slide["pixels"]) == truth.size
    assert 0.7 < inside.mean() < 0.98


def test_what_is_left(run: Path) -> None:
    folder = run / "calibrated"
    names = {"model.keras", "contract.json", "calibration.json", "coverage.md", "coverage.csv",
             "curve.csv", "curve.png", "curve.svg"}  # fmt: skip
    assert {path.name for path in folder.iterdir()} == names
    assert not (run / ".calibrating").exists()
    record = json.loads((folder / "calibration.json").read_text())
    assert record["groups"] == NEW
    assert min(record["correction"]["guaranteed"]) == 0.7
    assert [kind for _, kind, _ in record["calibration"]] == [f"group{i}" for i in range(10, 14)]
    assert "exchangeable" in (folder / "coverage.md").read_text()


def test_evaluation_goes_on_with_the_mean(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hrpn_tf("predict", "--run", run, "--intervals", "--overwrite")
    hrpn_tf("predict", "--run", run, "--overwrite")
    figures = []
    for folder in ("predictions", "predictions-intervals"):
        out = run / f"evaluation-{folder}"
        arguments = ("--predictions", run / folder, "--out", out, "--no-baselines")
        assert hrpn_tf("evaluate", "--run", run, *arguments).exit_code == 0
        figures.append(json.loads((out / "metrics.json").read_text())["rows"])
    assert figures[0] == figures[1]
    assert "another network" not in capsys.readouterr().err


@pytest.mark.slow
def test_every_format_gives_bounds_and_says_what_they_cover(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    formats = ("--onnx", "--tflite", "--precision", "fp32,int8", "--uncertified")
    assert hrpn_tf("export", run, "--out", out, *formats).exit_code == 0
    bundle = open_bundle(out)
    assert bundle.contract.outputs == ("qd", "qd_lower", "qd_upper")
    assert bundle.certificate.nominal_coverage == 0.7
    assert len({(e.format, e.precision) for e in bundle.certificate.entries}) == 5
    for entry in bundle.certificate.entries:
        for measured in entry.measured:
            assert measured.coverage is not None
            assert 0.7 < measured.coverage < 0.98
            assert measured.coverage_change is not None
            assert abs(measured.coverage_change) < (0.05 if entry.precision == "int8" else 1e-3)
    assert "Coverage, nominal 70.0%" in (out / "README.md").read_text()
    slide = run.parent / "x.ome.tif"
    write_slide(slide, image(5), channels=ROLES, pixel_size_um=0.5, provenance={}, overwrite=True)
    for options, names in (((), 1), (("--intervals",), 3)):
        to = tmp_path / f"{names}.ome.tif"
        assert hrpn_tf("predict", "--bundle", out, slide, "--out", to, *options).exit_code == 0
        assert len(pixels(to)[1]) == names
    first, second = (pixels(tmp_path / f"{n}.ome.tif")[0] for n in (1, 3))
    np.testing.assert_array_equal(first[..., 0], second[..., 0])
    assert "trained" in read_provenance(tmp_path / "3.ome.tif")["model"]
    assert (
        hrpn_tf("export", run, "--out", tmp_path / "n", "--keras", "--no-intervals").exit_code == 0
    )
    assert open_bundle(tmp_path / "n").contract.outputs == ("qd",)
    arguments = ("--out", tmp_path / "no.ome.tif", "--intervals", "--model-format", "keras")
    assert hrpn_tf("predict", "--bundle", tmp_path / "n", slide, *arguments).exit_code == 2


def test_an_interruption_loses_no_finished_slide(
    plain: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(plain, copy)
    score, calls = interval_slides.score_slide, []

    def interrupted(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return score(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(interval_slides, "score_slide", interrupted)
    assert calibrate(copy, plain) == 130
    assert not (copy / "calibrated").exists()
    assert calibrate(copy, plain, "--coverage", "0.6") == 2  # what was begun differs
    assert calibrate(copy, plain) == 0
    assert len(calls) == 2 + 1 + 2
    tables = [(r / "calibrated" / "coverage.csv").read_text() for r in (copy, run)]
    assert tables[0] == tables[1]


def test_one_that_was_killed_right_after_it_was_done(
    run: Path, plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    record = json.loads((copy / "calibrated" / "calibration.json").read_text())
    request = {key: record[key] for key in ("schema", "network", "coverage", "store", "patches")}
    for changed in ({"coverage": 0.5}, {}):  # another one is kept
        (copy / ".calibrating").mkdir(exist_ok=True)
        (copy / ".calibrating" / "request.json").write_text(json.dumps(request | changed))
        assert calibrate(copy, plain) == 2
        assert "exists; give --overwrite" in capsys.readouterr().err
        assert (copy / ".calibrating").exists() == bool(changed)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--coverage", "0.9"), "needs 9 calibration groups"),
        (("--coverage", "1"), "must lie between 0 and 1"),
        (("--group", "nobody"), "no group nobody"),
        (("--test", "LIST"), "would calibrate the intervals and be what they are measured on"),
        (("--store", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_in_a_line(
    plain: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    slides = plain.parent / "new" / "slides.csv"
    given = [str(slides) if option == "LIST" else option for option in options]
    before = sorted(path.name for path in plain.iterdir())
    coverage = () if "--coverage" in options else ("--coverage", "0.7")
    assert hrpn_tf("calibrate", plain, slides, *coverage, *given).exit_code in (1, 2)
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
    shutil.rmtree(plain / ".calibrating", ignore_errors=True)
    assert sorted(path.name for path in plain.iterdir()) == before


def test_training_slides_must_not_calibrate(
    plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = plain.parent / "slides" / "slides.csv"
    assert hrpn_tf("calibrate", plain, own, "--group", "a", "--no-guarantee").exit_code == 2
    assert "trained the network" in capsys.readouterr().err


def test_a_slide_that_is_gone(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(plain.parent, tmp_path / "all")
    store = tmp_path / "all" / "store" / "manifest.json"
    moved = store.read_text().replace(str(plain.parent), str(tmp_path / "all"))
    store.write_text(moved)
    run = tmp_path / "all" / "run"
    (run / "store.json").write_text(json.dumps({"path": str(tmp_path / "all" / "store")}))
    (tmp_path / "all" / "slides" / "c.ome.tif").unlink()
    assert calibrate(run, plain) == 2
    line = capsys.readouterr().err.strip()
    assert "c.ome.tif: no such slide" in line
    assert "--test" in line


def test_a_constant_target_leaves_no_network(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(plain, copy)
    flat = image(13)
    flat[..., 2] = 7
    slides = write_list(tmp_path / "bad", 10, flat)
    assert hrpn_tf("calibrate", copy, slides, "--coverage", "0.7").exit_code == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "n13.ome.tif: the target is 7 grey levels everywhere" in line
    assert not (copy / "calibrated").exists()


def test_a_network_that_gives_nan(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    copy = tmp_path / "run"
    shutil.copytree(plain, copy)
    model = keras.saving.load_model(copy / "best.keras", compile=False)
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    model.save(copy / "best.keras")
    assert calibrate(copy, plain) == 1
    assert "the network gives NaN" in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (copy / "calibrated").exists()


def test_intervals_of_an_earlier_network_are_not_used(
    run: Path, plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    with (copy / "best.keras").open("ab") as file:
        file.write(b"x")
    out = ("--out", tmp_path / "out")
    for arguments in (("predict", "--run", copy, "--intervals", *out), ("export", copy, *out)):
        assert hrpn_tf(*arguments).exit_code == 2
        assert "belongs to an earlier network" in capsys.readouterr().err
    assert hrpn_tf("predict", "--run", plain, "--intervals", *out).exit_code == 2
    assert "has no prediction intervals yet" in capsys.readouterr().err
    assert calibrate(run, plain) == 2
    assert "--overwrite" in capsys.readouterr().err
