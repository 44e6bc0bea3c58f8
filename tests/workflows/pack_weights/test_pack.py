"""A run or a bundle becomes weights."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.bundles import change_manifest, copied
from support.run_folder import make_run, save_network
from support.small_weights import NAME, PACKING

from hrpn_tf.errors import NoNetworkError, OutputExistsError, UsageError, WeightsError
from hrpn_tf.files import sha256
from hrpn_tf.runs.keras_file import load_keras_file
from hrpn_tf.workflows.pack_weights import Packing, pack_weights, register


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a network large enough that its kernels are most of the file."""
    import keras

    folder = tmp_path_factory.mktemp("pack")
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 2))
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(x)).save(folder / "n.keras")
    made = make_run(folder / "run", folder / "n.keras")
    (made / "history.csv").write_text(
        "epoch,loss,val_loss,val_r2,val_mse\n1,1,2,0.25,4\n2,1,1,0.5,3\n3,1,1.5,0.4,3.5\n"
    )
    return made


def test_what_the_folder_states(run: Path, tmp_path: Path) -> None:
    entry = pack_weights(run, NAME, tmp_path, PACKING)
    folder = tmp_path / NAME
    assert {path.name for path in folder.iterdir()} == {*entry.files, "weights.json"}
    assert set(entry.files) == {"best.keras", "contract.json", "hrpn.yaml", "data.json", "card.md"}
    assert entry.files["best.keras"] == sha256(folder / "best.keras")
    assert entry.figures == {"val_r2": 0.5, "val_mse": 3.0}
    card = (folder / "card.md").read_text()
    assert "| val r2 | 0.5 |" in card
    assert "validation slides, which chose the epoch" in card
    assert json.loads((folder / "data.json").read_text())["trained_on"] == "simulations"
    with pytest.raises(OutputExistsError):
        pack_weights(run, NAME, tmp_path, PACKING)


def test_kernels_in_float16(run: Path, tmp_path: Path) -> None:
    pack_weights(run, NAME, tmp_path, PACKING)
    half = tmp_path / NAME / "best.keras"
    assert half.stat().st_size < 0.75 * (run / "best.keras").stat().st_size
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 2)).astype(np.float32)
    found, before = load_keras_file(half), load_keras_file(run / "best.keras")
    assert {weight.dtype for weight in found.weights} == {"float32"}
    difference = np.abs(np.asarray(found(image)) - np.asarray(before(image))).max()
    assert 0 < difference < 0.25


def test_float32_where_float16_is_too_far(run: Path, tmp_path: Path) -> None:
    import keras

    image = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(64, 3, padding="same")(image)
    x = keras.layers.Conv2D(64, 3, padding="same")(x)
    x = keras.layers.Rescaling(1e4)(x)
    keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(x)).save(tmp_path / "n.keras")
    other = make_run(tmp_path / "run", tmp_path / "n.keras")
    pack_weights(other, NAME, tmp_path, PACKING)
    image = np.ones((1, 16, 16, 2), np.float32)
    found, before = (
        load_keras_file(path) for path in (tmp_path / NAME / "best.keras", other / "best.keras")
    )
    np.testing.assert_array_equal(np.asarray(found(image)), np.asarray(before(image)))


def test_what_is_not_simulated_says_so(run: Path, tmp_path: Path) -> None:
    entry = pack_weights(run, "ours", tmp_path, Packing("of our scanner"))
    assert entry.trained_on == "slides"
    assert entry.pixel_sizes_um == (0.5, 0.5)
    assert "another staining" in (tmp_path / "ours" / "card.md").read_text()


def test_of_a_bundle(tmp_path: Path) -> None:
    bundle = copied(tmp_path)
    with pytest.raises(WeightsError, match="does not state its channels and preset"):
        pack_weights(bundle, NAME, tmp_path / "w", PACKING)
    configuration = {"model": {"preset": "hrpn-s"}}
    change_manifest(bundle, lambda v: v["provenance"].update({"configuration": configuration}))
    assert pack_weights(bundle, NAME, tmp_path / "w", PACKING).preset == "hrpn-s"


def test_a_bundle_without_a_keras_model(tmp_path: Path) -> None:
    bundle = copied(tmp_path)

    def remove(values: dict) -> None:
        values["artefacts"] = [a for a in values["artefacts"] if a["format"] != "keras"]

    change_manifest(bundle, remove)
    with pytest.raises(NoNetworkError, match="without a Keras model"):
        pack_weights(bundle, NAME, tmp_path / "w", PACKING)
    assert not (tmp_path / "w").exists()


def test_what_cannot_become_weights(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a name of weights"):
        pack_weights(run, "Not A Name", tmp_path, PACKING)
    shutil.copy(run / "best.keras", tmp_path / "n.keras")
    with pytest.raises(WeightsError, match="does not state its channels"):
        pack_weights(tmp_path / "n.keras", NAME, tmp_path, PACKING)
    with pytest.raises(WeightsError, match="outside of pixel_sizes_um"):
        pack_weights(run, NAME, tmp_path, Packing("x", pixel_sizes_um=(1.0, 2.0)))
    with pytest.raises(WeightsError, match="no weights of this name"):
        register(tmp_path, NAME)


def test_without_history(tmp_path: Path) -> None:
    save_network(tmp_path / "n.keras")
    other = make_run(tmp_path / "run", tmp_path / "n.keras")
    entry = pack_weights(other, NAME, tmp_path, PACKING)
    assert entry.figures == {}
    assert "None were measured" in (tmp_path / NAME / "card.md").read_text()
