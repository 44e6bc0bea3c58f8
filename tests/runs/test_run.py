"""A run that is opened once and passed on."""

import json
import os
import pickle
from pathlib import Path

import pytest
from hrpn_export import Contract
from support.run_folder import make_run, save_network

from hrpn_tf.errors import CheckpointError, ConfigError, RunError, StoreError
from hrpn_tf.files import sha256
from hrpn_tf.runs import Run, open_run

GROUPS = {"a": "train", "b": "train", "c": "validation", "d": "test"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run without a network."""
    folder = make_run(
        tmp_path / "run",
        contract=Contract(("vessels", "nuclei"), ("qd",), 0.5, 4, 41, True, 255.0),
        groups=GROUPS,
        store=tmp_path / "patches",
        overrides=(),
    )
    (folder / "scaling.json").write_text(json.dumps({"input_mean": [3.5, 7]}))
    return folder


def test_what_a_run_holds(folder: Path) -> None:
    run = open_run(folder)
    assert open_run(run) is run
    assert str(run) == str(folder)
    assert run.contract.inputs == ("vessels", "nuclei")
    assert run.split.train == ("a", "b")
    assert run.subsets == {"a": "train", "b": "train", "c": "validation", "d": "test"}
    assert run.patch_dataset == folder.parent / "patches"
    assert run.input_means == {"vessels": 3.5, "nuclei": 7.0}
    assert run.history == []
    assert run.records.resources == {}
    assert run.checksum is None
    assert not run.is_calibrated


def test_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no run folder \(no hrpn\.yaml in it\)"):
        open_run(tmp_path)


def test_a_network_is_missing(folder: Path) -> None:
    with pytest.raises(RunError, match=r"no best\.keras yet; run hrpn-tf fit"):
        open_run(folder).load_network()


def test_the_network_of_another_run_is_refused(folder: Path) -> None:
    save_network(folder / "best.keras", inputs=3)
    with pytest.raises(CheckpointError, match=r"takes 3 channels, and contract\.json states 2"):
        open_run(folder).load_network()
    save_network(folder / "best.keras")
    assert open_run(folder).load_network().inputs[0].shape[-1] == 2


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"train": {}}'])
@pytest.mark.parametrize("name", ["split", "store", "scaling"])
def test_a_damaged_file_is_named(folder: Path, name: str, content: str | None) -> None:
    path = folder / f"{name}.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    run = open_run(folder)
    pieces = {"split": "subsets", "store": "patch_dataset", "scaling": "input_means"}
    with pytest.raises(RunError, match=rf"{name}\.json: missing or damaged"):
        getattr(run, pieces[name])


def test_a_patch_dataset_that_is_gone(folder: Path) -> None:
    with pytest.raises(StoreError, match="was fitted on is not there"):
        open_run(folder).slides()


def test_overrides_leave_the_run_as_it_is(folder: Path) -> None:
    run = open_run(folder)
    other = run.with_overrides(["prediction.tile=64"])
    assert (run.config.prediction.tile, other.config.prediction.tile) == (None, 64)
    assert other == run
    with pytest.raises(ConfigError, match=r"^unknown key prediction\.tiles"):
        run.with_overrides(["prediction.tiles=64"])


def test_a_file_is_read_again_when_it_changes(folder: Path) -> None:
    run = open_run(folder)
    assert run.subsets["d"] == "test"
    split = folder / "split.json"
    split.write_text(split.read_text().replace('"d"', '"e"'))
    os.utime(split, ns=(1, 1))
    assert run.subsets["e"] == "test"


def test_a_run_travels_to_another_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    run = open_run(Path("run"))
    assert run.subsets["d"] == "test"
    there: Run = pickle.loads(pickle.dumps(run.absolute()))
    monkeypatch.chdir("/")
    assert there.folder == folder
    assert there.config == run.config
    assert there.contract.pixel_size_um == 0.5


def test_a_patch_dataset_that_was_prepared_again_is_another_one(folder: Path) -> None:
    store, run = folder.parent / "patches", open_run(folder)
    store.mkdir()
    (store / "manifest.json").write_text("first")
    assert run.check_dataset(store) == store, "an older run does not say"
    record = {"path": str(store), "sha256": sha256(store / "manifest.json")}
    (folder / "store.json").write_text(json.dumps(record))
    assert open_run(folder).check_dataset(store) == store
    (store / "manifest.json").write_text("second")
    for look in (lambda run: run.check_dataset(store), lambda run: run.slides()):
        with pytest.raises(StoreError, match=r"is not the patch dataset that .* was fitted on"):
            look(open_run(folder))
