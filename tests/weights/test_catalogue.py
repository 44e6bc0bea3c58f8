"""The weights that are known, and what their names lead to."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from support.command import hrpn_tf
from support.small_weights import NAME

from hrpn_tf.errors import NoNetworkError, UnknownWeightsError, WeightsError
from hrpn_tf.runs.source import find_source
from hrpn_tf.weights import Catalogue, WeightsEntry
from hrpn_tf.weights.catalogue import package_folder, read_registry


def change(path: Path, **values: object) -> None:
    stated = json.loads(path.read_text(encoding="utf-8"))
    entry = stated["weights"][NAME] if "weights" in stated else stated
    entry.update(values)
    path.write_text(json.dumps(stated), encoding="utf-8")


def test_the_registry_of_the_package_is_whole() -> None:
    """What is shipped is entered, and what is entered is shipped or has an address."""
    root = package_folder()
    entries = read_registry(root)
    assert {path.parent.name for path in root.glob("*/weights.json")} <= set(entries)
    for name, entry in entries.items():
        if (root / name).is_dir():
            entry.check_files(root / name)
        else:
            assert entry.url is not None


def test_a_list_without_weights(package: Path) -> None:
    (package / "registry.json").write_text(
        '{"schema": "hrpn-tf weights registry 1", "weights": {}}'
    )
    assert "comes without any" in hrpn_tf("weights").out
    assert hrpn_tf("weights", "--json").out.strip() == "[]"
    failed = hrpn_tf("weights", "hrpn-m-sim")
    assert failed.exit_code == 2
    assert "no weights of this name; this hrpn-tf comes without any" in failed.err


def test_the_list_and_a_card(package: Path) -> None:
    listed = hrpn_tf("weights").out
    assert all(text in listed for text in (NAME, "hrpn-m", "0.25 to 1", "yes", "CC0-1.0"))
    [entry] = json.loads(hrpn_tf("weights", "--json").out)
    assert (entry["name"], entry["installed"], entry["inputs"]) == (
        NAME,
        True,
        ["vessels", "nuclei"],
    )
    card = hrpn_tf("weights", NAME).out
    assert "## What it is not for" in card
    assert "CC0-1.0" in card


def test_a_name_known_by_its_address_alone(package: Path) -> None:
    change(package / "registry.json", url="https://example.org/a.zip", url_sha256="0" * 64)
    (package / NAME).rename(package.parent / "elsewhere")
    assert " no " in hrpn_tf("weights").out
    assert f"hrpn-tf weights --add {NAME}" in hrpn_tf("weights", NAME).out
    with pytest.raises(UnknownWeightsError, match=f"fetch them with: hrpn-tf weights --add {NAME}"):
        find_source(NAME)


def test_a_training_finds_them_by_name(package: Path) -> None:
    found = find_source(NAME)
    assert found.name == str((package / NAME).resolve())
    assert (found.simulated, found.preset, found.subsets) == (True, "hrpn-m", None)
    assert found.load().input_shape[-1] == 2


def test_simulated_weights_know_no_slide_that_is_held_back(package: Path) -> None:
    """So nothing is warned of, where other networks that state no groups are."""
    from hrpn_tf.data.splits import Split
    from hrpn_tf.training.start import refuse_known

    split, found = Split(("a",), ("b",), ("c",)), find_source(NAME)
    assert refuse_known(found, None, split) == []  # type: ignore[arg-type]
    other = replace(found, simulated=False)
    assert "does not say which groups" in refuse_known(other, None, split)[0]  # type: ignore[arg-type]


def test_the_nearest_name(package: Path) -> None:
    with pytest.raises(UnknownWeightsError, match=f"small-sin: .* did you mean {NAME}"):
        find_source("small-sin")
    with pytest.raises(UnknownWeightsError, match=f"did you mean {NAME}"):
        Catalogue().installed("small-sin")
    with pytest.raises(NoNetworkError, match="nor weights of this name"):
        find_source("something-else")


def test_a_folder_of_the_name_comes_first(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "here").mkdir()
    (package.parent / "here" / NAME).symlink_to(package / NAME)
    monkeypatch.chdir(tmp_path / "here")
    with caplog.at_level(logging.WARNING, "hrpn_tf"):
        find_source(NAME)
    assert "the one in this folder is used" in caplog.text


@pytest.mark.parametrize("file", ["best.keras", "contract.json", "card.md"])
def test_a_damaged_or_missing_file(package: Path, file: str) -> None:
    path = package / NAME / file
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(WeightsError, match=rf"{file}: is damaged \(checksum differs\)"):
        find_source(NAME)
    path.unlink()
    with pytest.raises(WeightsError, match=f"{file}: is missing"):
        find_source(NAME)


def test_other_weights_than_those_of_the_registry(package: Path) -> None:
    entry = json.loads((package / NAME / "weights.json").read_text())
    change(package / NAME / "weights.json", files={**entry["files"], "card.md": "0" * 64})
    with pytest.raises(WeightsError, match="not the small-sim of this hrpn-tf"):
        find_source(NAME)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"schema": "hrpn-tf weights 2"}, "of another version"),
        ({"inputs": 3}, "damaged"),
        ({"inputs": []}, "inputs"),
        ({"pixel_sizes_um": [2, 4]}, "outside of pixel_sizes_um"),
        ({"pixel_size_um": None}, "pixel_size_um: Input should be a valid number"),
        (
            {"files": {"../best.keras": "0" * 64, "best.keras": "0" * 64}},
            r"files\S+: String should match pattern",
        ),
        ({"files": {"best.keras": "abc"}}, r"files.best.keras: String should match pattern"),
        ({"trained_on": "mice"}, "trained_on"),
        ({"description": "\x1b[31mred"}, "does not print"),
        ({"figures": {"r2": "good"}}, "figures"),
        ({"url": "https://example.org"}, "belong together"),
        ({"name": "Other Name"}, "name: String should match pattern"),
        ({"bytes": "many"}, "bytes"),
    ],
)
def test_an_entry_that_makes_no_sense(package: Path, values: dict, said: str) -> None:
    stated = json.loads((package / NAME / "weights.json").read_text())
    with pytest.raises(WeightsError, match=said):
        WeightsEntry.from_json({**stated, **values}, "weights.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weights": {}}', '{"weights": 3}'])
def test_a_damaged_registry(package: Path, text: str) -> None:
    (package / "registry.json").write_text(text)
    ended = hrpn_tf("weights")
    assert ended.exit_code == 1
    assert "registry.json" in ended.err
