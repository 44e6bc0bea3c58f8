"""The prediction of another slide, or with other settings, never passes as the one asked for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.run_folder import files_below, predict, write

from hrpn_tf.errors import OutputExistsError, SlideMismatchError
from hrpn_tf.prediction import Region
from hrpn_tf.runs import open_run
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import read_provenance, write_slide
from hrpn_tf.workflows.evaluate.measured_slides import check_prediction
from hrpn_tf.workflows.predict import Execution, PredictionOptions, predict_run

OPTIONS = ("--workers", 0, "--group", "a", "--group", "b")


@pytest.fixture
def cohorts(run: Path) -> tuple[Path, Path, Path]:
    """Two slide lists whose files have the same names, and the predictions of the first."""
    lists = []
    for number in (1, 2):
        folder = run.parent / f"c{number}"
        folder.mkdir()
        for place, name in enumerate("ab"):
            write(folder / f"{name}.ome.tif", 10 * number + place, shape=(40, 50))
        (folder / "slides.csv").write_text("slide,group\na.ome.tif,a\nb.ome.tif,b\n")
        lists.append(folder / "slides.csv")
    assert predict(run, lists[0], "--out", run.parent / "out", *OPTIONS) == 0
    return lists[0], lists[1], run.parent / "out"


def test_a_cohort_of_the_same_names(
    run: Path, cohorts: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, out = cohorts
    before = files_below(out)
    assert predict(run, first, "--out", out, *OPTIONS) == 0
    assert "2 of 2 slides are predicted already" in capsys.readouterr().err
    assert predict(run, second, "--out", out, *OPTIONS) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "a.ome.tif: made from other pixels than" in said
    assert "give --overwrite to replace it, or name another folder with --out" in said
    assert "hrpn-tf predict" not in said  # the test slides of the run would be replaced
    assert files_below(out) == before
    assert predict(run, second, "--out", out, *OPTIONS, "--overwrite") == 0
    assert files_below(out) != before


def test_evaluation_compares_no_other_slides(run: Path, cohorts: tuple[Path, Path, Path]) -> None:
    first, second, out = cohorts
    config = open_run(run).config

    def slide(slides: Path, **channels: str | int) -> RunSlide:
        named = {"vessels": "vessels", "nuclei": "nuclei", "qd": "qd", **channels}
        return RunSlide("a", slides.parent / "a.ome.tif", "a", "other", named, None)

    check_prediction(out / "a.ome.tif", slide(first), config)
    with pytest.raises(SlideMismatchError, match=r"made from other pixels than .*c2"):
        check_prediction(out / "a.ome.tif", slide(second), config)
    mixed = slide(first, vessels=1, nuclei=0)
    with pytest.raises(SlideMismatchError, match="from the channel 'vessels' as vessels, not from"):
        check_prediction(out / "a.ome.tif", mixed, config)
    # the same pixels under another name are the same slide
    (first.parent / "a.ome.tif").rename(first.parent / "z.ome.tif")
    moved = RunSlide("a", first.parent / "z.ome.tif", "a", "other", slide(first).channels, None)
    check_prediction(out / "a.ome.tif", moved, config)


def _rewrite(run: Path) -> None:
    """Predictions as an older or foreign program leaves them: nothing but the network is known."""
    for path in (run.parent / "out").iterdir():
        model = read_provenance(path)["model"]
        write_slide(path, np.zeros((40, 50, 1), np.float32), channels=["qd"], pixel_size_um=0.5,
                    provenance={"model": model}, overwrite=True)  # fmt: skip


CHANGES: list[tuple[Callable[[Path], object], tuple[object, ...], str | None]] = [
    (lambda run: None, ("--dtype", "uint16"), "made with prediction.dtype=float32, not uint16"),
    (lambda run: None, ("--no-skip-empty",), "made with prediction.skip_empty=true, not false"),
    (lambda run: None, ("--symmetries",), "made with prediction.symmetries=false, not true"),
    (lambda run: None, ("--halo", 8), "made with prediction.halo=null, not 8"),
    (lambda run: None, ("--region", "0,0,32,32"), "another region of the slide"),
    (lambda run: None, ("--channel", "vessels=2"), "from the channel 'vessels' as vessels, not"),
    (lambda run: None, ("--tile", 96), None),  # the tile changes nothing
    (lambda run: None, ("--set", "prediction.compression=zstd"), None),
    (_rewrite, (), None),
]


@pytest.mark.parametrize(("change", "options", "message"), CHANGES)
def test_other_settings_are_named(
    run: Path,
    cohorts: tuple[Path, Path, Path],
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
    options: tuple[object, ...],
    message: str | None,
) -> None:
    change(run)
    code = predict(run, cohorts[0], "--out", cohorts[2], *OPTIONS, *options)
    said = capsys.readouterr().err
    assert code == (0 if message is None else 2), said
    assert (message or "are predicted already") in said
    assert ("whether the prediction is of the slide" in said) == (change is _rewrite)


def test_a_region_is_done_when_the_same_one_is(run: Path, tmp_path: Path) -> None:
    slide, opened = write(tmp_path / "s.ome.tif", 3, shape=(64, 64)), open_run(run)

    def make(x: int) -> None:
        options = PredictionOptions(region=Region(0, x, 32, 32))
        execution = Execution(skip_existing=True, progress=False)
        predict_run(opened, [slide], out=tmp_path / "out", options=options, execution=execution)

    make(0)
    make(0)
    with pytest.raises(OutputExistsError, match="another region"):
        make(16)
