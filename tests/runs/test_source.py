"""Where a trained network is found."""

import shutil
import zipfile
from pathlib import Path

import pytest
from support.bundles import CONTRACT, change_manifest, copied, exported
from support.run_folder import make_run, save_network

from hrpn_tf.errors import CheckpointError, HrpnError, NoNetworkError, RunError, WrongKindError
from hrpn_tf.files import sha256
from hrpn_tf.runs.source import find_source


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    save_network(folder / "network.keras")
    return make_run(folder / "run", folder / "network.keras")


def test_a_run_and_its_file(run: Path) -> None:
    for where in (run, run / "best.keras"):
        found = find_source(where)
        assert found.name == str(run.resolve())
        assert found.sha256 == sha256(run / "best.keras")
        assert found.contract is not None
        assert found.contract.inputs == ("vessels", "nuclei")
        assert (found.preset, found.subsets) == (
            "hrpn-m",
            {"a": "train", "b": "validation", "c": "test"},
        )
    assert found.load().input_shape[-1] == 2


def test_a_run_of_imported_weights_has_no_split(run: Path, tmp_path: Path) -> None:
    own = shutil.copytree(run, tmp_path / "run")
    (own / "split.json").unlink()
    assert find_source(own).subsets is None


def test_a_keras_file_says_little(run: Path, tmp_path: Path) -> None:
    file = shutil.copy(run / "best.keras", tmp_path / "network.keras")
    found = find_source(str(file))
    assert (found.contract, found.preset, found.subsets) == (None, None, None)
    (tmp_path / "contract.json").write_text(CONTRACT.to_json())
    assert find_source(file).contract == CONTRACT


def test_a_bundle_as_folder_or_zip(tmp_path: Path) -> None:
    file = shutil.make_archive(str(tmp_path / "b"), "zip", exported())
    for where in (exported(), Path(file)):
        found = find_source(where)
        assert found.contract == CONTRACT
        assert found.preset is None
        assert found.load().name == "tiny"
    assert found.sha256 == sha256(exported() / "keras/fp32/model.keras")


def test_what_a_bundle_states_may_be_anything(tmp_path: Path) -> None:
    bundle = copied(tmp_path)
    stated = {"configuration": {"model": ["hrpn-m"]}, "groups": 3, "members": [1, 2]}
    change_manifest(bundle, lambda values: values["provenance"].update(stated))
    found = find_source(bundle)
    assert (found.preset, found.subsets, found.members) == (None, None, 2)


def test_a_bundle_without_a_keras_model(tmp_path: Path) -> None:
    bundle = copied(tmp_path)

    def remove(values: dict) -> None:
        values["artefacts"] = [a for a in values["artefacts"] if a["format"] != "keras"]

    change_manifest(bundle, remove)
    with pytest.raises(HrpnError, match=r"without a Keras model \(.*onnx fp32\)"):
        find_source(bundle)


def test_nothing_and_other_things(run: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongKindError, match="an empty name is no run"):
        find_source("")
    with pytest.raises(NoNetworkError, match="nowhere: no such run, bundle or Keras file"):
        find_source("nowhere")
    (tmp_path / "a.pth").touch()
    with pytest.raises(WrongKindError, match="import-weights makes a run of a PyTorch"):
        find_source(tmp_path / "a.pth")
    (tmp_path / "slides.csv").write_text("slide,group\n")
    with pytest.raises(WrongKindError, match="neither a run nor a bundle nor a Keras file"):
        find_source(tmp_path / "slides.csv")
    begun = shutil.copytree(run, tmp_path / "begun")
    (begun / "best.keras").unlink()
    with pytest.raises(RunError, match="until an epoch is finished"):
        find_source(begun)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated", b"text"])
def test_a_file_that_is_no_keras_model(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "network.keras").write_bytes(content)
    with pytest.raises(CheckpointError, match="no Keras file"):
        find_source(tmp_path / "network.keras").load()


def test_a_program_in_a_keras_file_is_refused(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "network.keras"
    with (
        zipfile.ZipFile(run / "best.keras") as old,
        zipfile.ZipFile(file, "w") as new,
    ):
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, text.replace(b'"Conv2D"', b'"Lambda"') if "config" in name else text)
    with pytest.raises(CheckpointError, match="Lambda"):
        find_source(file).load()
