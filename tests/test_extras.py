"""A command that lacks an extra says the one line to type, and loses nothing."""

import configparser
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.command import hrpn_tf
from support.places import ROOT
from support.run_folder import write

from hrpn_tf import extras
from hrpn_tf.errors import MissingPackageError
from hrpn_tf.workflows.predict.options import Execution


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """As if the modules were not installed."""
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


def lines_of(section: str) -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return dict(parser[section])


def test_every_module_is_in_the_extra_that_is_named() -> None:
    distributions = {
        "ai_edge_litert": "ai-edge-litert", "ai_edge_quantizer": "ai-edge-quantizer",
        "pynvml": "nvidia-ml-py", "qtpy": "napari", "dask": "distributed",
    }  # fmt: skip
    listed = lines_of("options.extras_require")
    for module, extra in extras.EXTRAS.items():
        assert distributions.get(module, module) in listed[extra], module
    for package in extras.COMPLETE.values():
        assert f"\n{package}>=" in lines_of("options")["install_requires"]


@pytest.mark.parametrize(
    ("arguments", "missing", "said"),
    [
        (["simulate", "--out", "x"], "pyamg", "simulating needs pyamg"),
        (["demo", "--out", "x"], "pyamg", "simulating needs pyamg"),
        (["permeability", "a.tif", "--target", "qd", "--out", "x"], "pyamg", "permeability needs"),
    ],
)
def test_the_line_says_what_to_type(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    missing: str,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    without(monkeypatch, missing)
    ended = hrpn_tf(*arguments)
    assert ended.exit_code == 2
    last = ended.err.splitlines()[-1]
    assert said in last
    assert last.endswith("pyamg, which is not installed; type: pip install 'hrpn-tf[simulate]'")
    assert not list(tmp_path.iterdir())


def test_what_is_missed_late_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.ome.tif")
    without(monkeypatch, "tensorflow")
    ended = hrpn_tf("models")
    assert ended.exit_code == 2
    assert ended.err == (
        "hrpn-tf: this needs tensorflow, which is not installed; type: pip install hrpn-tf\n"
    )
    without(monkeypatch, "fractions")  # no package of an extra: a fault of ours is not hidden
    assert extras.named(ModuleNotFoundError("x", name="fractions")) is None


def test_without_the_extra_slides_are_predicted_one_after_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not Execution(workers=None).in_this_process(2)
    without(monkeypatch, "distributed")
    assert Execution(workers=None).in_this_process(2)
    assert not Execution(workers=2).in_this_process(2)  # asked for: says what is missing


def test_nothing_is_imported_to_find_it_missing() -> None:
    assert find_spec("pyamg") is not None
    before = set(sys.modules)
    extras.require("this", "pyamg")
    assert set(sys.modules) == before
    with pytest.raises(MissingPackageError, match=r"this needs nothing_like_it"):
        extras.require("this", "nothing_like_it")
