"""Run folders from strangers: each damaged file gets a named error, and none is passed over."""

import json
import os
import zipfile
from pathlib import Path

import pytest
from hrpn_export import Contract, ContractError
from support.run_folder import make_run, save_network

from hrpn_tf.errors import CalibrationError, CheckpointError, HrpnError, RunError
from hrpn_tf.runs import open_run
from hrpn_tf.runs.keras_file import load_keras_file
from hrpn_tf.runs.writing import add_environment, recorded_dataset
from hrpn_tf.workflows.networks.run import RunNetwork

CONTRACT = Contract(("vessels", "nuclei"), ("qd",), 0.5, 4, 41, True, 255.0)
DEEP = "[" * 100_000 + "]" * 100_000
FIELDS = CONTRACT.fields()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run whose network is only a name, since it is not loaded."""
    folder = make_run(tmp_path / "run", contract=CONTRACT)
    (folder / "best.keras").write_bytes(b"")
    (folder / "scaling.json").write_text('{"input_mean": [1, 2]}')
    return folder


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"\xff\xfe\x00", "not a text file in UTF-8"),
        (DEEP.encode(), "not a contract"),
        (b"[]", "not a contract"),
        (json.dumps({**FIELDS, "stride_multiple": None}).encode(), "stride_multiple must be"),
        (json.dumps({**FIELDS, "grey_max": float("inf")}).encode(), "grey_max must lie"),
        (json.dumps(FIELDS).replace("41", "9" * 5000).encode(), "not a contract"),
    ],
)
def test_a_damaged_contract(folder: Path, content: bytes, match: str) -> None:
    (folder / "contract.json").write_bytes(content)
    with pytest.raises((RunError, ContractError), match=rf"contract\.json: .*{match}"):
        _ = open_run(folder).contract


SPLITS = [
    "[1, 2]", DEEP, '{"train": {"groups": 5}}', "null", "{", '{"train": []}',
    '{"train": {"groups": "abc"}, "validation": {"groups": []}, "test": {"groups": []}}',
    '{"train": {"groups": [1]}, "validation": {"groups": []}, "test": {"groups": []}}',
]  # fmt: skip


@pytest.mark.parametrize("content", SPLITS, ids=range(len(SPLITS)))
def test_a_damaged_split_is_not_passed_over(folder: Path, content: str) -> None:
    (folder / "split.json").write_text(content)
    with pytest.raises(RunError, match=r"split\.json: missing or damaged"):
        RunNetwork(open_run(folder)).contract()


def test_imported_weights_have_no_split(folder: Path) -> None:
    (folder / "split.json").unlink()
    assert RunNetwork(open_run(folder)).contract() == CONTRACT


@pytest.mark.parametrize("content", [DEEP, '{"path": 5}', '{"path": "a\\u0000b"}', "5"])
def test_a_damaged_record_of_the_patches(folder: Path, content: str) -> None:
    (folder / "store.json").write_text(content)
    with pytest.raises(RunError, match=r"store\.json: missing or damaged"):
        _ = open_run(folder).patch_dataset


@pytest.mark.parametrize(
    "means", ["[1e999, 2]", "[NaN, 2]", f"[{'9' * 400}, 2]", "[1]", '"ab"', DEEP]
)
def test_a_damaged_scaling(folder: Path, means: str) -> None:
    (folder / "scaling.json").write_text('{"input_mean": ' + means + "}")
    with pytest.raises(RunError, match=r"scaling\.json: missing or damaged"):
        _ = open_run(folder).input_means


@pytest.mark.parametrize("name", ["split", "resources", "environment", "contract"])
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", DEEP.encode()])
def test_a_damaged_record_is_not_taken_for_a_missing_one(
    folder: Path, name: str, content: bytes
) -> None:
    (folder / f"{name}.json").write_bytes(content)
    with pytest.raises(RunError, match=rf"{name}\.json"):
        _ = open_run(folder).records


def test_a_history_that_is_no_text(folder: Path) -> None:
    (folder / "history.csv").write_bytes(b"epoch\n\xff")
    with pytest.raises(RunError, match=r"history\.csv: not a text file in UTF-8"):
        _ = open_run(folder).history


def test_a_pipe_in_place_of_a_file_does_not_hang(folder: Path) -> None:
    (folder / "contract.json").unlink()
    os.mkfifo(folder / "contract.json")
    with pytest.raises(RunError, match=r"contract\.json: not a regular file"):
        _ = open_run(folder).contract


@pytest.mark.parametrize("content", [DEEP, "5", '{"network": 5}', "\xff"])
def test_a_damaged_calibration(folder: Path, content: str) -> None:
    (folder / "calibrated").mkdir()
    (folder / "calibrated/calibration.json").write_text(content, encoding="latin-1")
    with pytest.raises(CalibrationError, match=r"calibration\.json: damaged"):
        _ = open_run(folder).calibration


@pytest.mark.parametrize("content", [DEEP, "5", "{", '{"starts": 5}'])
def test_a_damaged_record_stops_a_training_that_goes_on(folder: Path, content: str) -> None:
    (folder / "environment.json").write_text(content)
    with pytest.raises(RunError, match="damaged"):
        add_environment(folder, {})
    if not content.startswith("{"):
        (folder / "store.json").write_text(content)
        with pytest.raises(RunError, match="damaged"):
            recorded_dataset(folder)


def test_the_network_of_a_run_is_checked_like_that_of_a_bundle(tmp_path: Path) -> None:
    path = tmp_path / "best.keras"
    save_network(path)
    load_keras_file(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    changes = {
        "holds a Lambda": lambda layer: layer.update(class_name="Lambda"),
        "larger than the weights": lambda layer: layer["config"].update(filters=2**28),
        "holds system of os": lambda layer: layer["config"].update(
            activation={"module": "os", "class_name": "function", "config": "system"}
        ),
    }
    for match, change in changes.items():
        config = json.loads(parts["config.json"])
        change(next(x for x in config["config"]["layers"] if x["class_name"] == "Conv2D"))
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**parts, "config.json": json.dumps(config)}.items():
                archive.writestr(name, content)
        with pytest.raises(CheckpointError, match=match):
            load_keras_file(path)


def test_every_error_is_one_of_the_package(folder: Path) -> None:
    assert issubclass(RunError, HrpnError)
    (folder / "contract.json").write_text("x" * 17 * 2**20)
    with pytest.raises(RunError, match="larger than 16 MiB"):
        _ = open_run(folder).contract
