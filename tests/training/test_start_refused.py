"""Networks that a training does not start from, and what is said of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.fine_tuning import SHORT, fine_tuning
from support.run_folder import change_contract, set_split

from hrpn_tf.config import load_config
from hrpn_tf.data.store import PatchStore
from hrpn_tf.errors import (
    CheckpointError,
    ConfigError,
    HrpnError,
    NonFinitePredictionError,
    PixelSizeError,
    RunError,
    StartError,
)
from hrpn_tf.runs import load_run
from hrpn_tf.training.fit import fit


@pytest.mark.parametrize(
    ("changes", "settings", "error", "said"),
    [
        ({"pixel_size_um": 0.6}, (), PixelSizeError, "trained at 0.6 um/px, and the patches have"),
        (
            {},
            ("model.preset=normed",),
            StartError,
            "is another network: only 5% .* its preset is tiny",
        ),
        ({"inputs": ["a", "b", "c"]}, (), CheckpointError, "takes 2 channels, and contract.json"),
        (
            {"outputs": ["a", "b"]},
            (),
            StartError,
            "2 inputs and 1 outputs, and its contract 2 and 2",
        ),
        ({}, ("training.start=nowhere",), HrpnError, "nowhere: no such run, bundle or Keras file"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(
    base: Path,
    store: PatchStore,
    run: Path,
    changes: dict[str, object],
    settings: tuple[str, ...],
    error: type[HrpnError],
    said: str,
) -> None:
    own = Path(shutil.copytree(base, run.with_name("own")))
    change_contract(own, **changes)
    with pytest.raises(error, match=said):
        fit(store.path, run, fine_tuning(own, *settings), progress=False)
    assert not run.exists()


def test_a_network_that_is_not_finite_is_refused(base: Path, store: PatchStore, run: Path) -> None:
    own = Path(shutil.copytree(base, run.with_name("own")))
    network = load_run(own)[0]
    network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
    network.save(own / "best.keras")
    with pytest.raises(NonFinitePredictionError, match="values for the validation patches, before"):
        fit(store.path, run, fine_tuning(own), progress=False)
    assert not (run / "best.keras").exists()


def test_a_tolerance_of_its_own_lets_another_pixel_size_pass(
    base: Path, store: PatchStore, run: Path
) -> None:
    own = Path(shutil.copytree(base, run.with_name("own")))
    change_contract(own, pixel_size_um=0.6)
    with pytest.raises(PixelSizeError, match=r"--set training\.start_tolerance=0\.17"):
        fit(store.path, run, fine_tuning(own), progress=False)
    own_way = ("training.start_tolerance=0.17", "training.batch_size=99")
    with pytest.raises(ConfigError, match="batch_size=99 is larger"):  # the next check
        fit(store.path, run, fine_tuning(own, *own_way), progress=False)


def test_slides_that_the_start_has_seen_are_not_held_back(
    base: Path, store: PatchStore, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The same files for sure; of another study, a group may have the same name."""
    own = Path(shutil.copytree(base, run.with_name("own")))
    set_split(own, {"c": "train", "a": "validation"})
    with pytest.raises(StartError, match="used c for train, and it is a test group here"):
        fit(store.path, run, fine_tuning(own), progress=False)
    (own / "store.json").write_text(json.dumps({"path": str(run), "sha256": "0"}))
    with pytest.raises(ConfigError, match="batch_size=99"):
        fit(store.path, run, fine_tuning(own, "training.batch_size=99"), progress=False)
    assert "if it is the same animal, its metrics are optimistic" in "\n".join(caplog.messages)


def test_nothing_is_frozen_of_random_weights(store: PatchStore, run: Path) -> None:
    config = load_config(overrides=(*SHORT, "model.preset=tiny", "training.freeze=body"))
    with pytest.raises(ConfigError, match="a network with random weights has nothing to keep"):
        fit(store.path, run, config, progress=False)


def test_a_run_does_not_replace_its_start(base: Path, store: PatchStore) -> None:
    with pytest.raises(StartError, match="the training would replace what it starts from"):
        fit(store.path, base, fine_tuning(base), overwrite=True, progress=False)
    assert (base / "best.keras").is_file()


def test_a_run_does_not_replace_what_it_starts_from_within_it(
    base: Path, store: PatchStore, run: Path
) -> None:
    shutil.copytree(base, run)
    inside = run / "calibrated" / "network.keras"
    inside.parent.mkdir()
    shutil.copy(base / "best.keras", inside)
    with pytest.raises(StartError, match="the training would replace what it starts from"):
        fit(store.path, run, fine_tuning(inside), overwrite=True, progress=False)
    assert inside.is_file()


def test_a_damaged_record_is_named(tuned: Path, store: PatchStore, run: Path) -> None:
    shutil.copytree(tuned, run)
    (run / "start.json").write_text('{"path": 3}')
    with pytest.raises(RunError, match=r"start\.json is damaged"):
        fit(store.path, run, load_config(overrides=SHORT), progress=False)
