"""``hrpn-tf predict`` with a small Keras network in a run folder."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.command import hrpn_tf
from support.run_folder import change_contract, pixels, predict, write

from hrpn_tf.slides import open_slide, read_provenance


def test_a_slide_equals_the_network_on_the_whole(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    slide, out = tmp_path / "a.ome.tif", tmp_path / "out.ome.tif"
    assert predict(run, slide, "--out", out) == 0
    with open_slide(slide) as opened:
        image = opened.read(0, 0, 150, 201, [0, 1]).astype(np.float32)
    padded = np.pad(image, [(24, 26), (24, 27), (0, 0)], mode="symmetric")
    model = keras.saving.load_model(run / "best.keras", compile=False)
    expected = np.asarray(model(padded[None]))[0, 24:174, 24:225, 0]
    with open_slide(out) as opened:
        got = opened.read(0, 0, 150, 201, [0])[..., 0]
        assert opened.info.pixel_size_um == pytest.approx(0.5)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)
    assert expected.std() > 1
    assert re.search(r"out.ome.tif: 150 x 201 px in .* Mpx/s", capsys.readouterr().out)


def test_the_origin_is_in_the_file(run: Path, tmp_path: Path) -> None:
    slide, out = tmp_path / "a.ome.tif", tmp_path / "out.ome.tif"
    predict(run, slide, "--out", out)
    provenance = read_provenance(out)
    sha256 = hashlib.sha256((run / "best.keras").read_bytes()).hexdigest()
    runtime = provenance["model"].pop("runtime")
    assert runtime == f"keras {provenance['versions']['keras']}"
    assert provenance["model"] == {"file": "best.keras", "run": "run", "sha256": sha256}
    checksum = hashlib.sha256(slide.read_bytes()).hexdigest()
    assert provenance["input"]["sha256"] == {"a.ome.tif": checksum}
    assert provenance["input"]["channels"] == {"vessels": "vessels", "nuclei": "nuclei"}
    assert provenance["configuration"]["prediction"]["tile"] == 64
    assert {"hrpn-tf", "keras", "numpy"} <= set(provenance["versions"])
    assert provenance["tiling"]["exact"] is True


def test_a_list_gives_the_slides_that_the_run_did_not_use(run: Path, tmp_path: Path) -> None:
    assert predict(run, tmp_path / "slides.csv") == 0
    assert [p.name for p in (run / "predictions").iterdir()] == ["c.ome.tif"]
    out = tmp_path / "out"
    options = ["--group", "a", "--group", "b", "--out", out, "--workers", 0]  # workers take seconds
    assert predict(run, tmp_path / "slides.csv", *options) == 0
    assert sorted(p.name for p in out.iterdir()) == ["a.ome.tif", "b.ome.tif"]


def test_channels_are_found_by_the_names_that_are_given(run: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "other.ome.tif", tmp_path / "out"
    write(path, channels=("DAPI", "SpGreen"))
    given = ["--channel", "vessels=SpGreen", "--channel", "nuclei=0"]
    assert predict(run, path, *given, "--dtype", "uint16", "--tile", 40, "--out", out) == 0
    channels = read_provenance(out / "other.ome.tif")["input"]["channels"]
    assert channels == {"vessels": "SpGreen", "nuclei": "DAPI"}
    with open_slide(out / "other.ome.tif") as opened:
        assert opened.info.dtype == np.uint16


def test_a_network_that_depends_on_its_tile_says_so(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_contract(run, receptive_field=None, tile_exact=False)
    out = tmp_path / "out.ome.tif"
    assert predict(run, tmp_path / "a.ome.tif", "--out", out) == 0
    assert "depends on its tile: tiles of 512 px" in capsys.readouterr().err
    tiling = read_provenance(out)["tiling"]
    assert (tiling["exact"], tiling["blended"]) == (False, True)
    assert tiling["tile_px"] == [512, 512], "a training patch"


def _write_more(run: Path) -> None:
    (run.parent / "m").mkdir()
    write(run.parent / "m" / "a.ome.tif")


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (None, ["none.tif"], r"none\.tif"),
        (None, ["a.ome.tif", "--channel", "vessels"], r"expected ROLE=NAME"),
        (None, ["a.ome.tif", "--channel", "qd=qd"], r"no input qd; its inputs are vessels, nuc"),
        (None, ["a.ome.tif", "--channel", "vessels=FITC"], r"FITC.*vessels.*nuclei.*qd"),
        (None, ["a.ome.tif", "b.ome.tif", "--out", "x.tif"], r"one file, for 2 slides"),
        (_write_more, ["a.ome.tif", "m/a.ome.tif", "--out", "x"], r"would both be written to"),
        (None, ["a.ome.tif", "--out", "a.ome.tif", "--overwrite"], r"would replace the slide"),
        (None, ["a.ome.tif", "--out", "b.ome.tif"], r"b\.ome\.tif exists; give --overwrite"),
        (None, ["a.ome.tif", "--pixel-size", "0.25"], r"states 0\.5 um/px, --pixel-size says 0"),
        (
            lambda run: write(run.parent / "a.ome.tif", size=None),
            ["a.ome.tif"],
            r"no pixel size; correct the file or, where .*--pixel-size .*0\.5 um/px",
        ),
        (
            lambda run: write(run.parent / "a.ome.tif", size=0.25),
            ["a.ome.tif", "--no-resample"],
            r"0\.25 um/px, but the model was trained at 0\.5 um/px .*resample",
        ),
        (lambda run: (run / "best.keras").unlink(), ["a.ome.tif"], r"no best\.keras"),
        (lambda run: (run / "contract.json").unlink(), ["a.ome.tif"], r"contract\.json: missing"),
        (lambda run: (run / "hrpn.yaml").unlink(), ["a.ome.tif"], r"no run folder"),
        (None, ["slides.csv", "--group", "z"], r"no group z; it has a, b, c"),
        (None, ["a.ome.tif", "--group", "a"], r"--group: is for slide lists; a\.ome\.tif is"),
    ],
)  # fmt: skip
def test_what_cannot_be_predicted_is_refused(
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object] | None,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(run.parent)
    if change is not None:
        change(run)
    before = sorted(run.parent.rglob("*"))
    assert predict(run, *arguments) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("hrpn-tf: ")
    assert re.search(message, said)
    assert sorted(run.parent.rglob("*")) == before, "nothing is left behind"


def test_the_error_of_a_small_halo_is_in_the_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slide, out = write(tmp_path / "large.ome.tif", shape=(300, 300)), tmp_path / "out.ome.tif"
    assert predict(run, slide, "--out", out, "--halo", 4, "--no-skip-empty") == 0
    said = capsys.readouterr().out
    assert "halo 4 px; seam error up to " in said
    assert "smaller than the receptive field" in said
    exact = tmp_path / "exact.ome.tif"
    assert predict(run, slide, "--out", exact, "--no-skip-empty") == 0
    assert "seam" not in capsys.readouterr().out
    error = np.abs(pixels(out) - pixels(exact))
    reported = read_provenance(out)["tiling"]["seam_error"]
    assert 0.5 * error.max() < reported["largest"] <= error.max() + 1e-3
    assert reported["mean"] == pytest.approx(error.mean(), rel=0.3)


def test_a_single_slide_that_is_there_can_be_skipped(run: Path, tmp_path: Path) -> None:
    slide, out = tmp_path / "a.ome.tif", tmp_path / "out.ome.tif"
    assert predict(run, slide, "--out", out) == 0
    before = out.stat().st_mtime_ns
    done = hrpn_tf("predict", slide, "--run", run, "--out", out, "--skip-existing")
    assert (done.exit_code, out.stat().st_mtime_ns) == (0, before)
    assert f"{out}: predicted already" in done.out
    other = hrpn_tf(
        "predict", slide, "--run", run, "--out", out, "--skip-existing", "--dtype", "uint8"
    )
    assert other.exit_code == 2
    assert "dtype" in other.err
