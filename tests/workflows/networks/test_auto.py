"""The fastest runtime is measured once, remembered, and measured again when that is in doubt."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.small_bundle import small_bundle

from hrpn_tf.workflows.networks import auto, remembered
from hrpn_tf.workflows.networks.auto import AutoNetwork
from hrpn_tf.workflows.networks.bundle import BundleNetwork
from hrpn_tf.workflows.networks.choosing import bundle_network
from hrpn_tf.workflows.networks.remembered import Speed
from hrpn_tf.workflows.networks.trial import try_network

LARGE, HUGE = 20_000_000, 10_000_000_000


@dataclass(frozen=True)
class Named:
    """As much of a network as the choice asks for."""

    runtime: str
    checksum: str = "0" * 64

    folder = Path("somewhere")

    def ran_by(self) -> str:
        return self.runtime

    def origin(self) -> dict[str, str]:
        return {"sha256": self.checksum}


def network(*runtimes: str) -> AutoNetwork:
    return AutoNetwork(tuple(map(Named, runtimes)))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "hrpn-tf" / "runtimes"


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runtimes that were tried; OpenVINO is faster than ONNX Runtime, and Keras fastest."""
    speeds = {
        "onnxruntime": Speed(0.5, 0.5),
        "openvino": Speed(1.0, 0.4),
        "keras": Speed(8.0, 0.3),
        "litert": None,
    }
    names: list[str] = []

    def trial(of: Any) -> Speed | None:
        names.append(of.ran_by())
        return speeds[of.ran_by()]

    monkeypatch.setattr(auto, "try_network", trial)
    return names


def test_the_fastest_is_taken_and_remembered(
    tried: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    choice = network("onnxruntime", "openvino", "litert").settled(LARGE)
    assert choice.network.ran_by() == "openvino"
    assert tried == ["onnxruntime", "openvino", "litert"]
    assert "runs in openvino, 0.4 s per megapixel (onnxruntime 0.5); measured now" in caplog.text
    again = network("onnxruntime", "openvino", "litert").settled(1000)
    assert len(tried) == 3
    assert "remembered" in caplog.records[-1].getMessage()
    assert again.network.ran_by() == "onnxruntime", "which starts sooner, for so few pixels"


def test_keras_is_tried_only_where_its_start_may_pay(tried: list[str]) -> None:
    both = network("onnxruntime", "keras")
    assert both.settled(LARGE).network.ran_by() == "onnxruntime"
    assert tried == ["onnxruntime"]
    assert both.settled(HUGE).network.ran_by() == "keras"
    assert both.settled(LARGE).network.ran_by() == "onnxruntime"
    assert tried == ["onnxruntime", "keras"]


def test_small_slides_are_not_worth_a_trial(tried: list[str], cache: Path) -> None:
    assert network("onnxruntime", "openvino").settled(1000).network.ran_by() == "onnxruntime"
    assert not tried
    assert not cache.exists()


def test_a_runtime_that_is_gone_or_of_another_version_is_measured_again(
    tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network("onnxruntime", "openvino").settled(LARGE)
    assert network("onnxruntime", "litert").settled(LARGE).network.ran_by() == "onnxruntime"
    assert len(tried) == 4
    monkeypatch.setattr("hrpn_export.measure.installed_version", lambda name: "99")
    network("onnxruntime", "openvino").settled(LARGE)
    assert len(tried) == 6


def test_another_processor_is_measured_anew(
    tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network("onnxruntime", "openvino").settled(LARGE)
    own = remembered._processor()
    fewer = {**own, "flags": "without the instructions that it was measured with"}
    monkeypatch.setattr(remembered, "_processor", lambda: fewer)
    network("onnxruntime", "openvino").settled(LARGE)
    assert len(tried) == 4


def test_one_that_cannot_be_imported_is_passed_over(
    tried: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    both = network("openvino", "onnxruntime", "keras")
    assert both.settled(LARGE).network.ran_by() == "onnxruntime"
    assert "somewhere: openvino cannot be loaded (" in caplog.text
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert both.settled(1000).network.ran_by() == "keras"


def test_failures_of_the_machine_are_not_remembered(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "try_network", lambda of: None)
    assert network("onnxruntime", "openvino").settled(LARGE).network.ran_by() == "onnxruntime"
    assert not cache.exists()


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null"),
        *('{"schema": "hrpn-tf runtimes 1"}', "nan", "digits", "folder", "strings"),
    ],
)
def test_a_damaged_memory_is_measured_again(tried: list[str], cache: Path, text: str) -> None:
    both = network("onnxruntime", "openvino")
    both.settled(LARGE)
    (path,) = cache.iterdir()
    kept = path.read_text()
    if text == "folder":
        path.unlink()
        path.mkdir()
    elif text in (odd := {"nan": "NaN", "digits": "9" * 400, "strings": '"fast"'}):
        path.write_text(kept.replace("0.4", odd[text]))
    else:
        path.write_text(text)
    assert both.settled(LARGE).network.ran_by() == "openvino"
    assert len(tried) == 4


def test_a_cache_that_cannot_be_written_is_no_error(
    tried: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    for _ in range(2):
        choice = network("onnxruntime", "openvino").settled(LARGE)
        assert choice.network.ran_by() == "openvino"
    assert len(tried) == 4


def test_without_a_home_or_rights_in_it_nothing_is_remembered(
    tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = network("onnxruntime", "openvino")
    with monkeypatch.context() as patch:

        def refused(*args: object, **options: object) -> None:
            raise PermissionError(13, "Permission denied")

        patch.setattr(remembered, "read_json", refused)
        patch.setattr(Path, "exists", refused)
        patch.setattr(remembered, "atomic_path", refused)
        assert both.settled(LARGE).network.ran_by() == "openvino"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # of a user that is not known
    choice = both.settled(LARGE)
    assert choice.network.ran_by() == "openvino"
    remembered.forget(choice.key or {})
    assert len(tried) == 4


def test_no_module_of_the_working_folder_takes_part_in_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "numpy", "onnxruntime"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w').close()\nraise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    assert try_network(BundleNetwork(small_bundle())) is not None
    assert not (tmp_path / "ran").exists()


def test_a_relative_cache_folder_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    folder = remembered.cache_folder()
    assert folder is not None
    assert folder.is_absolute()


def test_one_that_is_slower_now_is_measured_again(
    tried: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    both = network("onnxruntime", "openvino")
    choice = both.settled(LARGE)
    tiling = SimpleNamespace(shape=(1000, 1000), block=lambda index: SimpleNamespace(tiles=[0]))
    summary = SimpleNamespace(computed=10, tiling=tiling, symmetries=False, session_seconds=6.0)
    choice.compare(choice.network, summary)  # type: ignore[arg-type]
    summary.session_seconds = 9.0
    summary.computed = 1  # a first run alone says nothing
    choice.compare(choice.network, summary)  # type: ignore[arg-type]
    summary.computed = 10
    choice.compare(both.candidates[0], summary)  # type: ignore[arg-type]
    both.settled(LARGE)
    assert len(tried) == 2
    choice.compare(choice.network, summary)  # type: ignore[arg-type]
    assert "took 0.9 s per megapixel, and 0.4 when it was chosen" in caplog.text
    both.settled(LARGE)
    assert len(tried) == 4


def test_candidates_are_the_certified_fp32_formats_of_a_bundle() -> None:
    found = bundle_network(small_bundle())
    assert isinstance(found, AutoNetwork)
    names = [auto._name(each) for each in found.candidates]
    assert names == [
        "onnxruntime (onnx fp32)",
        "openvino (onnx fp32)",
        "tensorflow (saved_model fp32)",
        "keras (keras fp32)",
    ]


@pytest.mark.parametrize(
    ("options", "format", "precision", "runtime"),
    [
        ({"runtime": "openvino"}, "onnx", "fp32", "openvino"),
        ({"runtime": "keras"}, "keras", "fp32", "keras"),
        ({"runtime": "tensorflow"}, "saved_model", "fp32", "tensorflow"),
        ({"format": "keras"}, "keras", "fp32", "keras"),
        ({"device": "cuda"}, "onnx", "fp32", "onnxruntime"),
        ({"uncertified": True}, "onnx", "fp32", "onnxruntime"),
        ({"precision": "int8"}, "onnx", "int8", "onnxruntime"),
    ],
)
def test_what_is_asked_for_is_taken(
    options: dict[str, Any], format: str, precision: str, runtime: str
) -> None:
    found = bundle_network(small_bundle(), **options)
    assert isinstance(found, BundleNetwork)
    assert (found.format, found.precision, found.ran_by()) == (format, precision, runtime)


def test_a_real_trial_starts_and_runs_the_network(tmp_path: Path) -> None:
    speed = try_network(BundleNetwork(small_bundle()))
    assert speed is not None
    assert 0 < speed.per_mpx < 60
    assert 0 < speed.start < 120
    assert try_network(BundleNetwork(tmp_path / "nowhere")) is None
