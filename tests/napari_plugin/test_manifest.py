"""What napari is told of the plugin, and ``hrpn-tf napari`` where there is no napari."""

import ast
import sys
from importlib.metadata import distribution
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from support.command import hrpn_tf

from hrpn_tf.napari_plugin import start

MANIFEST = yaml.safe_load((files("hrpn_tf.napari_plugin") / "napari.yaml").read_text("utf-8"))


def test_the_installed_distribution_names_the_manifest() -> None:
    [entry] = [e for e in distribution("hrpn-tf").entry_points if e.group == "napari.manifest"]
    assert entry.value == "hrpn_tf.napari_plugin:napari.yaml"
    assert MANIFEST["name"] == "hrpn-tf"


def test_every_command_of_the_manifest_is_there() -> None:
    contributions = MANIFEST["contributions"]
    named = {command["id"]: command["python_name"] for command in contributions["commands"]}
    used = {each["command"] for kind in ("readers", "widgets") for each in contributions[kind]}
    assert used == named.keys()
    for place in named.values():
        module, name = place.split(":")
        spec = find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        # not imported: Qt need not be installed
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if hasattr(node, "name")}
    widget = contributions["widgets"][0]["display_name"]
    assert (MANIFEST["name"], widget) == (start.PLUGIN, start.WIDGET)


def test_without_napari_the_command_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "napari", None)
    done = hrpn_tf("napari")
    assert done.exit_code == 2
    assert done.err.splitlines() == [
        "hrpn-tf: the window needs napari, which is not installed; type: "
        "pip install 'hrpn-tf[napari]'"
    ]
