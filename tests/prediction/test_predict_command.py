"""``hrpn-tf predict`` with a small Keras network in a run folder."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hrpn_export import Contract

from hrpn_tf.cli.main import run as hrpn_tf
from hrpn_tf.config import load_config, to_yaml
from hrpn_tf.slides import open_slide, read_provenance, write_slide

ROLES = ("vessels", "nuclei", "qd")
GROUPS = {"a": "train", "b": "validation", "c": "test"}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with a stride, zero padding and a receptive field of a few tens of pixels."""
    import keras

    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((None, None, 2))
    fine = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(6, 3, strides=4, padding="same", activation="relu")(fine)
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2DTranspose(4, 4, strides=4)(x)
    x = keras.layers.Concatenate()([fine, x])
    model = keras.Model(inputs, keras.layers.Conv2D(1, 3, padding="same")(x))
    path = tmp_path_factory.mktemp("network") / "best.keras"
    model.save(path)
    return path


@pytest.fixture
def run(tmp_path: Path, network: Path) -> Path:
    run = tmp_path / "run"
    run.mkdir()
    (run / "best.keras").write_bytes(network.read_bytes())
    (run / "hrpn.yaml").write_text(to_yaml(load_config(overrides=["prediction.tile=64"])))
    contract = Contract(ROLES[:2], ("qd",), 0.5, 4, 41, True, 255.0)
    (run / "contract.json").write_text(contract.to_json())
    split = {
        subset: {"groups": [g for g, s in GROUPS.items() if s == subset], "slides": []}
        for subset in ("train", "validation", "test")
    }
    (run / "split.json").write_text(json.dumps(split))
    lines = ["slide,group"]
    for seed, group in enumerate(GROUPS):
        write(tmp_path / f"{group}.ome.tif", seed)
        lines.append(f"{group}.ome.tif,{group}")
    (tmp_path / "slides.csv").write_text("\n".join(lines))
    return run


def write(
    path: Path, seed: int = 0, channels: tuple[str, ...] = ROLES, size: float | None = 0.5
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (150, 201, len(channels)), np.uint8)
    write_slide(path, image, channels=channels, pixel_size_um=size, provenance={}, overwrite=True)


def predict(run: Path, *arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        hrpn_tf(["predict", "--run", str(run), *map(str, arguments)])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def change_contract(run: Path, **changes: object) -> None:
    path = run / "contract.json"
    values = asdict(Contract.from_json(path.read_text()))
    path.write_text(json.dumps({**values, **changes}))


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
    assert predict(run, tmp_path / "slides.csv", "--group", "a", "--group", "b", "--out", out) == 0
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


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (None, ["none.tif"], r"none\.tif"),
        (None, ["a.ome.tif", "--channel", "vessels"], r"expected ROLE=NAME"),
        (None, ["a.ome.tif", "--channel", "qd=qd"], r"no input qd; its inputs are vessels, nuc"),
        (None, ["a.ome.tif", "--channel", "vessels=FITC"], r"FITC.*vessels.*nuclei.*qd"),
        (None, ["a.ome.tif", "b.ome.tif", "--out", "x.tif"], r"one file, for 2 slides"),
        (None, ["a.ome.tif", "a.ome.tif", "--out", "x"], r"would both be written to"),
        (None, ["a.ome.tif", "--out", "a.ome.tif", "--overwrite"], r"would replace the slide"),
        (None, ["a.ome.tif", "--out", "b.ome.tif"], r"b\.ome\.tif exists; give --overwrite"),
        (None, ["a.ome.tif", "--pixel-size", "0.25"], r"states 0\.5 um/px, --pixel-size says 0"),
        (
            lambda run: write(run.parent / "a.ome.tif", size=None),
            ["a.ome.tif"],
            r"no pixel size; give it with --pixel-size .*0\.5 um/px",
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
