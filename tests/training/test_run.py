import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from hrpn_export import Contract, ContractError
from support.tiny_training import TINY_RUN

from hrpn_tf.config import Config, load_config
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore, open_store
from hrpn_tf.errors import CheckpointError, RunError
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.runs import load_run
from hrpn_tf.runs.writing import create_run
from hrpn_tf.training.run import is_finished, may_resume

SCALING = Scaling((100.0, 90.0), (30.0, 20.0), 4.0, (255.0, 250.0), 60.0)


def make(run: Path, store: PatchStore, config: Config, overwrite: bool = False) -> Path:
    create_run(
        run,
        config=config,
        contract=Contract(("vessels", "nuclei"), ("qd",), 0.5, 2, 5, True, 255.0),
        scaling=SCALING,
        split=Split(("a",), ("b",), ("c",)),
        store=store,
        overwrite=overwrite,
    )
    return run


@pytest.fixture
def made(run, store, config) -> Path:
    """A run folder in which no epoch is finished."""
    return make(run, store, config)


def test_what_is_written_is_read_back(made):
    assert Scaling.from_json(json.loads((made / "scaling.json").read_text())) == SCALING
    split = json.loads((made / "split.json").read_text())
    assert split["validation"] == {"groups": ["b"], "slides": ["b"]}


def test_nothing_or_an_empty_folder_is_a_new_run(run, config, store):
    assert not may_resume(run, config, store)
    run.mkdir()
    assert not may_resume(run, config, store)


def test_the_same_configuration_may_be_resumed(made, config, store):
    assert may_resume(made, config, store)


def test_what_does_not_concern_training_may_differ(made, store):
    other = load_config(made / "hrpn.yaml", ["prediction.tile=64", "evaluation.peak=9"])
    assert may_resume(made, other, store)


def test_another_configuration_is_refused_with_the_key(made, store):
    other = load_config(made / "hrpn.yaml", ["training.optimizer.learning_rate=0.5"])
    message = r"training\.optimizer\.learning_rate was 0\.006, now 0\.5; give --overwrite .* --out"
    with pytest.raises(RunError, match=message):
        may_resume(made, other, store)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("training.loss=mse+ssim", "training.loss=mse", r"training\.loss\.ssim was 1\.0, now None"),
        ("training.loss=mse", "training.loss=mse+ssim", r"training\.loss\.ssim was None, now 1\.0"),
        (
            "training.adversarial={discriminator: 0.5}",
            "training.adversarial=null",
            r"training\.adversarial\.\w+ was .*, now None; ",
        ),
    ],
)
def test_a_part_that_is_gone_is_another_configuration(run, store, before, now, said):
    make(run, store, load_config(overrides=[*TINY_RUN, before]))
    with pytest.raises(RunError, match=said):
        may_resume(run, load_config(overrides=[*TINY_RUN, now]), store)


def test_only_the_first_keys_of_many_are_named(made, config, store):
    overrides = ["training.epochs=9", "training.seed=1", "training.ema=0.9", "training.crop=16"]
    with pytest.raises(RunError, match=r"epochs was 4, now 9; .* and 1 more"):
        may_resume(made, load_config(made / "hrpn.yaml", overrides), store)


def test_another_store_is_refused(made, config, store, tmp_path):
    copy = shutil.copytree(store.path, tmp_path / "copy")
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(RunError, match="a run on another patch dataset"):
        may_resume(made, config, open_store(copy))


def test_overwrite_replaces_a_run_with_all_it_holds(made, store, config):
    (made / "history.csv").touch()
    make(made, store, config, overwrite=True)
    assert not (made / "history.csv").exists()
    assert may_resume(made, config, store)


def test_a_folder_of_something_else_is_left_alone(tmp_path, config, store):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match="no run folder"):
        may_resume(tmp_path, config, store)
    with pytest.raises(RunError, match="no run folder"):
        make(tmp_path, store, config, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


@pytest.mark.parametrize("content", [None, "", "{"])
def test_a_damaged_file_is_named(content, made, config, store):
    (made / "store.json").unlink()
    if content is not None:
        (made / "store.json").write_text(content)
    with pytest.raises(RunError, match=r"store\.json is (missing or )?damaged"):
        may_resume(made, config, store)


def test_a_run_that_stopped_early_before_losses_were_smoothed_stays_finished(made):
    checkpoint = made / "checkpoints" / "epoch-00003"
    checkpoint.mkdir(parents=True)
    history = [{"val_loss": loss} for loss in (1.0, 2.0, 1.5)]
    state = {"history": history, "best_epoch": 1, "best_loss": 1.0, "partial": {"sums": []}}
    (checkpoint / "state.json").write_text(json.dumps({"preset": "tiny", **state}))
    config = load_config(made / "hrpn.yaml", ["training.early_stopping=2"])
    assert not is_finished(made, config)
    recorded = (made / "hrpn.yaml").read_text()
    (made / "hrpn.yaml").write_text(recorded.replace("  smoothing: 3\n", ""))
    assert is_finished(made, config)


class TestLoadRun:
    """Reading the best network of a run."""

    def test_the_model_its_contract_and_its_configuration_come_back(self, made, config):
        inputs = keras.Input((None, None, 2))
        model = keras.Model(inputs, keras.layers.Conv2D(1, 1)(inputs))
        model.save(made / "best.keras")
        loaded, contract, found = load_run(made)
        batch = np.random.default_rng(0).random((1, 4, 4, 2)).astype(np.float32)
        np.testing.assert_array_equal(loaded(batch), model(batch))
        assert contract.inputs == ("vessels", "nuclei")
        assert found == config

    def test_no_run_folder(self, tmp_path):
        with pytest.raises(RunError, match=r"no hrpn\.yaml"):
            load_run(tmp_path / "missing")

    def test_no_finished_epoch(self, made):
        with pytest.raises(RunError, match=r"no best\.keras yet"):
            load_run(made)

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated", b"\x00" * 5000])
    def test_damaged(self, made, content):
        (made / "best.keras").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"best\.keras: no Keras file"):
            load_run(made)

    def test_a_damaged_contract(self, made):
        (made / "best.keras").touch()
        (made / "contract.json").write_text("{")
        with pytest.raises(ContractError):
            load_run(made)
        (made / "contract.json").unlink()
        with pytest.raises(RunError, match=r"contract\.json is missing"):
            load_run(made)

    def test_code_in_the_file_is_not_run(self, made):
        inputs = keras.Input((None, None, 2))
        outputs = keras.layers.Lambda(lambda x: print("ran") or x)(inputs)
        keras.Model(inputs, outputs).save(made / "best.keras")
        with pytest.raises(CheckpointError, match="holds a Lambda"):
            load_run(made)
