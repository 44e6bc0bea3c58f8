"""Fine-tuning: a training that starts from another network."""

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from support.fine_tuning import SHORT, fine_tuning
from support.run_folder import change_contract, set_split, write_slides
from support.tiny_network import NORMED, TINY
from support.training_results import assert_same_run, final_state, history, interrupted

from hrpn_tf.config import DataConfig, TissueConfig, load_config
from hrpn_tf.data.building import build_store
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.data.store import PatchStore
from hrpn_tf.errors import (
    RunError,
)
from hrpn_tf.models import presets
from hrpn_tf.runs import load_run, open_run
from hrpn_tf.training.checkpoints import list_checkpoints
from hrpn_tf.training.fit import fit
from hrpn_tf.training.start import begun_from, find_start


def best(run: Path) -> list[np.ndarray]:
    return load_run(run)[0].get_weights()


def test_epoch_0_is_the_start(base: Path, tuned: Path) -> None:
    start, *rows = history(tuned)
    assert (start["epoch"], start["loss"], start["learning_rate"]) == ("0", "", "")
    known = min(history(base), key=lambda row: float(row["val_loss"]))
    for name in ("val_loss", "val_mse", "val_r2"):  # on the same slides it scales as before
        assert float(start[name]) == pytest.approx(float(known[name]), rel=1e-4)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert open_run(tuned).epochs == 2


def test_the_defaults_are_recorded_and_the_preset_is_that_of_the_start(tuned: Path) -> None:
    config = open_run(tuned).config
    assert config.model.preset == "tiny"
    assert config.training.optimizer.learning_rate == 6e-3
    assert config.training.early_stopping == 5
    assert config.training.reestimate_normalisation == 16


def test_what_was_taken_is_recorded(base: Path, tuned: Path) -> None:
    record = json.loads((tuned / "start.json").read_text())
    assert record["path"] == str(base.resolve())
    assert record["sha256"] == open_run(base).checksum
    assert record["inputs"] == ["vessels", "nuclei"]
    assert [layer["source"] is not None for layer in record["network"]["layers"]] == [True] * 4
    assert record["discriminator"] is None


def test_what_was_taken_is_said(
    base: Path, store: PatchStore, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And a start that nothing beats is kept, weight for weight."""
    caplog.set_level(logging.INFO, "hrpn_tf")
    still = ("training.optimizer.learning_rate=1e-30", "training.freeze=body", "training.ema=0")
    state = fit(store.path, run, fine_tuning(base, *still), progress=False)
    said = "\n".join(caplog.messages)
    assert "fine-tuning uses training.early_stopping=5; other values with --set" in said
    assert "start from" in said
    assert "4 of 4 layers, 321 of 321 weights are taken" in said
    assert "4 layers taken |" in said
    assert "grey levels are scaled by the training slides of this run" in said
    assert "epoch 0, before any step: val MSE" in said
    assert "no epoch has a lower validation loss than the start, which is kept" in said
    assert (state.best_epoch, state.epoch) == (0, 2)
    assert state.best_row["val_loss"] == state.best_loss
    for ours, theirs in zip(best(run), best(base), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_resuming_needs_neither_the_option_nor_the_network(
    base: Path, tuned: Path, store: PatchStore, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copytree(base, run.with_name("own")))
    with interrupted(monkeypatch, before_epoch=1):
        fit(store.path, run, fine_tuning(own, "training.ema=0.5"), progress=False)
    other = shutil.copytree(tuned, run.with_name("other"))
    with pytest.raises(RunError, match=r"was begun from .*own, and .*other is another network"):
        fit(store.path, run, fine_tuning(other, "training.ema=0.5"), progress=False)
    shutil.rmtree(own)
    fit(store.path, run, load_config(overrides=(*SHORT, "training.ema=0.5")), progress=False)
    assert_same_run(run, tuned)


def test_killed_before_the_first_checkpoint_it_starts_again(
    base: Path, store: PatchStore, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is then needed, and must be the same."""
    own = Path(shutil.copytree(base, run.with_name("own")))
    with interrupted(monkeypatch, before_epoch=0):
        fit(store.path, run, fine_tuning(own), progress=False)
    (checkpoint,) = list_checkpoints(run / "checkpoints")
    assert checkpoint.name == "epoch-00000"
    assert (run / "best.keras").is_file()
    shutil.rmtree(run / "checkpoints")
    config = load_config(overrides=SHORT)
    resumed, source = find_start(config, run, overwrite=False)
    assert source is not None
    assert resumed.training.start == str(own.resolve())
    (own / "best.keras").write_bytes(b"another")
    with pytest.raises(RunError, match="is another network now"):
        find_start(config, run, overwrite=False)


def test_with_a_frozen_body_the_ends_and_normalisation_change(
    base: Path, store: PatchStore, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Body and moving statistics stay; in mixed precision, with a step in parts."""
    caplog.set_level(logging.INFO, "hrpn_tf")
    settings = ("training.freeze=body", "training.precision=mixed_bfloat16")
    fit(store.path, run, fine_tuning(base, *settings, "training.accumulate=2"), progress=False)
    assert "305 parameters (173 are trained), " in "\n".join(caplog.messages)
    assert open_run(run).config.training.optimizer.learning_rate == 1e-3
    values = [v for name, v in sorted(final_state(run).items()) if name.startswith("network/")]
    network = load_run(base)[0]
    same = {
        f"{layer.name.rstrip('_0123456789')} {weight.name}": np.array_equal(value, weight.numpy())
        for (layer, weight), value in zip(
            ((la, w) for la in network.layers for w in la.variables), values, strict=True
        )
        if "seed" not in weight.name
    }
    assert same == {
        "conv2d kernel": False,
        "conv2d bias": False,
        "batch_normalization gamma": False,
        "batch_normalization beta": False,
        "batch_normalization moving_mean": True,
        "batch_normalization moving_variance": True,
        "conv2d_transpose kernel": True,
        "conv2d_transpose bias": True,
    }


def test_another_channel_begins_without_effect(
    base: Path, store: PatchStore, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slides with a third channel, and the roles in another order."""
    rng = np.random.default_rng(0)
    roles = ("nuclei", "cd8", "vessels")

    def image(number: int) -> np.ndarray:
        height, width = ((96, 128), (64, 96), (64, 96))[number]
        inputs = rng.integers(1, 200, (height, width, 2))
        target = (inputs[..., :1] + np.roll(inputs[..., :1], 1, axis=0)) // 4
        noise = rng.integers(0, 99, (height, width, 1))
        return np.concatenate([inputs, target, noise], axis=-1).astype(np.uint8)

    slides = write_slides(run.parent / "s", "abc", image, ("vessels", "nuclei", "qd", "cd8"))
    data = DataConfig(patch=32, stride=32, tissue=TissueConfig(method="all"), inputs=roles)
    wide = build_store(read_slide_list(slides, data), data, run.parent / "wide", progress=False)
    with interrupted(monkeypatch, before_epoch=0):
        fit(wide.path, run, fine_tuning(base), progress=False)
    record = json.loads((run / "start.json").read_text())
    assert record["inputs"] == ["nuclei", "cd8: zero", "vessels"]
    assert [layer["adapted"] for layer in record["network"]["layers"]] == [True, *[False] * 3]
    (start,) = history(run)
    known = min(history(base), key=lambda row: float(row["val_loss"]))
    # other noise, but of the same kind: a network that mixes channels up is far off
    assert float(start["val_mse"]) == pytest.approx(float(known["val_mse"]), rel=0.1)
    ours = load_run(run)[0].layers
    first = next(layer for layer in ours if layer.weights).get_weights()[0]
    assert not first[:, :, 1].any()
    assert first[:, :, [0, 2]].any()


def test_a_gan_takes_the_discriminator_of_the_last_checkpoint(
    store: PatchStore, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = run.with_name("gan")
    one = ("training.epochs=1", "model.preset=tiny-gan")
    fit(store.path, source, load_config(overrides=(*SHORT, *one)), progress=False)
    set_split(source, {"x": "train"})
    with interrupted(monkeypatch, before_epoch=0):
        fit(store.path, run, fine_tuning(source), progress=False)
    ours, theirs = final_state(run), final_state(source)
    names = [name for name in theirs if name.startswith("discriminator/")]
    assert len(names) > 5
    for name in names:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    rate = open_run(run).config.training.optimizer.learning_rate
    assert rate == open_run(source).config.training.optimizer.learning_rate


@pytest.mark.parametrize(
    ("names", "notes", "said"),
    [
        (("dapi", "cd31"), ["vessels: cd31, by its name", "nuclei: dapi, by its name"], None),
        (("x", "y"), ["vessels: x, by position", "nuclei: y, by position"], "by their order"),
    ],
)
def test_inputs_of_other_names_are_matched_and_told(
    base: Path,
    store: PatchStore,
    run: Path,
    caplog: pytest.LogCaptureFixture,
    names: tuple[str, str],
    notes: list[str],
    said: str | None,
) -> None:
    own = Path(shutil.copytree(base, run.with_name("own")))
    change_contract(own, inputs=list(names))
    with caplog.at_level(logging.INFO):
        fit(store.path, run, fine_tuning(own, "training.epochs=1"), progress=False)
    assert json.loads((run / "start.json").read_text())["inputs"] == notes
    assert "; ".join(notes) in caplog.text
    warned = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert any("by their order" in text for text in warned) == (said is not None)


def test_a_keras_file_states_its_preset_by_the_name_of_the_network(base: Path, run: Path) -> None:
    file = shutil.copy(base / "best.keras", run.with_name("network.keras"))
    config, source = find_start(fine_tuning(file), run, overwrite=False)
    assert source is not None
    assert (config.model.preset, source.contract) == ("tiny", None)


@pytest.mark.parametrize("stated", ["old", "old-v1", None])
def test_a_run_of_an_earlier_version_of_a_preset_keeps_its_layers(
    base: Path, run: Path, monkeypatch: pytest.MonkeyPatch, stated: str | None
) -> None:
    """Where the preset has changed since and its former layers have a name of their own."""
    old = [replace(NORMED, name="old"), replace(TINY, name="old-v1")]
    monkeypatch.setattr(presets, "PRESETS", (*presets.PRESETS, *old))
    own = Path(shutil.copytree(base, run.with_name("own")))
    if stated is None:  # a file alone
        network = load_run(own)[0]
        renamed = keras.Model(network.input, network.output, name="old")
        own = run.with_name("network.keras")
        renamed.save(own)
    else:
        text = (own / "hrpn.yaml").read_text()
        (own / "hrpn.yaml").write_text(text.replace("preset: tiny", f"preset: {stated}"))
    config, _ = find_start(fine_tuning(own), run, overwrite=False)
    assert config.model.preset == "old-v1"


def test_folds_that_are_not_begun_start_as_the_others_did(tuned: Path, run: Path) -> None:
    config = load_config(overrides=SHORT)
    assert begun_from(config, run) is None
    begun = begun_from(config, tuned)
    assert begun is not None
    assert begun.training.start == open_run(tuned).config.training.start
    assert begun.model.preset == "tiny"
