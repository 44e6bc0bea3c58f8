"""Training on the predictions of another network."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hrpn_export import Contract
from support.run_folder import ROLES, change_contract, make_run, set_split, write_slides
from support.stores import make_store
from support.tiny_training import TINY_RUN
from support.training_results import history, interrupted

from hrpn_tf.config import load_config
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore
from hrpn_tf.errors import ConfigError, HrpnError, RunError
from hrpn_tf.runs import load_run, open_run
from hrpn_tf.runs.source import find_source
from hrpn_tf.training.fit import fit
from hrpn_tf.training.teacher import Teacher, open_teacher, refuse_seen

SETTINGS = (
    *TINY_RUN,
    "model.preset=plain",
    "training.epochs=1",
    "data.augmentation.gain_jitter=0.3",
)
CONTRACT = Contract(ROLES[:2], ("qd",), 0.5, 1, 1, True, 255.0)
SPLIT = Split(("a",), ("b",), ("c",))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose network predicts the first input, exactly."""
    folder = tmp_path_factory.mktemp("teacher")
    grey = keras.Input((None, None, 2))
    first = keras.layers.Conv2D(1, 1, use_bias=False)
    keras.Model(grey, first(grey)).save(folder / "network.keras")
    model = keras.saving.load_model(folder / "network.keras")
    model.set_weights([np.array([1.0, 0.0], np.float32).reshape(1, 1, 2, 1)])
    model.save(folder / "network.keras")
    return make_run(folder / "run", folder / "network.keras", CONTRACT)


def store_of(folder: Path, mirrored: bool) -> PatchStore:
    """The target is the first input, or its mirror image, which has the same statistics."""
    rng = np.random.default_rng(0)
    shapes = ((96, 128), (64, 96), (64, 96))

    def image(number: int) -> np.ndarray:
        inputs = rng.integers(1, 200, (*shapes[number], 2), np.uint8)
        target = inputs[:, ::-1, :1] if mirrored else inputs[..., :1]
        return np.concatenate([inputs, target], axis=-1)

    return make_store(write_slides(folder, "abc", image), folder / "store")


def test_a_perfect_teacher_replaces_the_target(teacher: Path, tmp_path: Path) -> None:
    """Taught on a store with a useless target: as trained on the target that the teacher knows."""
    useless, true = store_of(tmp_path / "useless", True), store_of(tmp_path / "true", False)
    alone, taught = tmp_path / "alone", tmp_path / "taught"
    own = ("training.distillation=1", f"training.teacher={teacher}")
    fit(true.path, alone, load_config(overrides=SETTINGS), progress=False)
    fit(useless.path, taught, load_config(overrides=(*SETTINGS, *own)), progress=False)
    losses = [[float(row["loss"]) for row in history(run)] for run in (alone, taught)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    # validation is against the target of the store
    measured = [float(history(run)[0]["val_mse"]) for run in (alone, taught)]
    assert measured[1] != pytest.approx(measured[0], rel=1e-3)
    record = json.loads((taught / "teacher.json").read_text())
    assert record == {"path": str(teacher), "sha256": open_run(teacher).checksum}
    assert not (alone / "teacher.json").exists()


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_target_is_a_mean_by_weight(accumulate: int) -> None:
    """Of the part of a crop that counts, with the inputs before their gains."""
    inputs = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 2)).astype(np.float32)
    target = np.full((2, 3, 3, 1), 10.0, np.float32)
    gains, corner = np.array([[2.0, 1.0], [0.5, 3.0]], np.float32), np.array([[1, 4], [5, 0]])
    double = Teacher(Path("run"), "", 0.25, accumulate, lambda batch: 2 * batch)
    places = {"corner": tf.constant(corner, tf.int32), "gains": tf.constant(gains)}
    same, mixed, left = double.taught(
        (tf.constant(inputs * gains[:, None, None]), tf.constant(target), places)
    )
    np.testing.assert_allclose(same, inputs * gains[:, None, None])
    cores = np.stack([inputs[0, 1:4, 4:7, :1], inputs[1, 5:8, 0:3, :1]])
    np.testing.assert_allclose(mixed, 0.75 * 10 + 0.25 * 2 * cores, rtol=1e-5)
    assert set(left) == {"corner"}
    whole = double.taught((tf.constant(inputs), tf.constant(inputs[..., :1])))
    np.testing.assert_allclose(whole[1], 1.25 * inputs[..., :1], rtol=1e-5)


def test_another_teacher_ends_the_training(
    teacher: Path, store: PatchStore, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the same path, with other weights."""
    own = tmp_path / "teacher"
    shutil.copytree(teacher, own)
    config = load_config(overrides=(*SETTINGS, f"training.teacher={own}"))

    with interrupted(monkeypatch, before_epoch=0):
        fit(store.path, run, config, progress=False)
    model = load_run(own)[0]
    model.set_weights([2 * weights for weights in model.get_weights()])
    model.save(own / "best.keras")
    with pytest.raises(RunError, match="was begun with another teacher"):
        fit(store.path, run, config, progress=False)
    shutil.copy(teacher / "best.keras", own / "best.keras")
    assert fit(store.path, run, config, progress=False).epoch == 1


@pytest.mark.parametrize(
    ("changes", "settings", "side", "said"),
    [
        ({"inputs": ("vessels", "fitc")}, (), 32, "differ in inputs: vessels, fitc, vessels, nuc"),
        ({"pixel_size_um": 0.325}, (), 32, "differ in pixel size: 0.325 um, 0.5 um"),
        ({"stride_multiple": 5}, (), 32, "takes multiples of 5 px, and a training crop has 32 px"),
        ({}, ("training.adversarial={}",), 32, "leave out training.adversarial or the teacher"),
        ({}, ("training.teacher=nowhere",), 32, "nowhere: no such run, bundle or Keras file"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(
    teacher: Path,
    tmp_path: Path,
    changes: dict[str, object],
    settings: tuple[str, ...],
    side: int,
    said: str,
) -> None:
    own = tmp_path / "teacher"
    shutil.copytree(teacher, own)
    change_contract(own, **changes)
    config = load_config(overrides=(f"training.teacher={own}", *settings))
    with pytest.raises(HrpnError, match=said):
        open_teacher(config, CONTRACT, SPLIT, side)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"a": "test", "b": "validation", "c": "train"}, "used c for train, and it is a test"),
        ({"a": "train", "b": "test", "c": "validation"}, "used c for validation, and it is a test"),
        ({"a": "validation", "b": "train", "c": "test"}, "used b for train, and it is a validat"),
    ],
)
def test_a_teacher_that_knows_what_is_held_back_is_refused(
    teacher: Path, tmp_path: Path, groups: dict[str, str], said: str
) -> None:
    own = tmp_path / "teacher"
    shutil.copytree(teacher, own)
    set_split(own, groups)
    config = load_config(overrides=(f"training.teacher={own}",))
    with pytest.raises(ConfigError, match=said):
        open_teacher(config, CONTRACT, SPLIT, 32)
    refuse_seen(replace(find_source(own), simulated=True), SPLIT)  # it saw no animal
    set_split(own, {"a": "train", "b": "test", "c": "test"})
    found = open_teacher(config, CONTRACT, SPLIT, 32)
    assert found is not None
    assert (found.weight, found.sha256) == (0.8, open_run(own).checksum)
