"""The fastest runtime is measured once, remembered, and measured again when that is in doubt."""

import json
import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hrpn_export import Contract

from hrpn_tf.config import PredictionConfig
from hrpn_tf.workflows.networks import auto, remembered
from hrpn_tf.workflows.networks.auto import Candidates
from hrpn_tf.workflows.networks.remembered import Measured
from hrpn_tf.workflows.networks.work import Work

GB = 10**9


def work(pixels: int) -> Work:
    return Work(pixels, min(pixels, 10**8), PredictionConfig())


SMALL, LARGE, HUGE = work(1000), work(20_000_000), work(10_000_000_000)


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

    def contract(self) -> Contract:
        return Contract(
            inputs=("vessels", "nuclei"),
            outputs=("qd",),
            grey_max=255.0,
            stride_multiple=16,
            receptive_field=128,
            tile_exact=True,
            pixel_size_um=0.5,
        )


def network(*runtimes: str) -> Candidates:
    return Candidates(tuple(map(Named, runtimes)))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "hrpn-tf" / "runtimes"


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runtimes that were tried; OpenVINO is faster than ONNX Runtime, and Keras fastest."""
    speeds = {
        "onnxruntime": Measured(0.5, 0.5, 10**8, 200.0),
        "openvino": Measured(1.0, 0.4, 10**8, 200.0),
        "keras": Measured(8.0, 0.3, 10**8, 200.0),
        "litert": None,
    }
    names: list[str] = []

    def trial(of: Any) -> Measured | None:
        names.append(of.ran_by())
        return speeds[of.ran_by()]

    monkeypatch.setattr(auto, "try_network", trial)
    return names


def test_the_fastest_is_taken_and_remembered(tried: list[str]) -> None:
    three = network("onnxruntime", "openvino", "litert")
    choice = three.choose(LARGE)
    assert choice.network.ran_by() == "openvino"
    assert tried == ["onnxruntime", "openvino", "litert"]
    assert re.fullmatch(
        r"somewhere: runs in openvino, 0\.4 s per megapixel, [0-9.]+ GB \(onnxruntime 0\.5, "
        r"[0-9.]+ GB\); measured now; --runtime takes another",
        choice.why,
    )
    again = three.choose(SMALL)
    assert len(tried) == 3
    assert "; remembered; " in again.why
    assert again.network.ran_by() == "onnxruntime", "which starts sooner, for so few pixels"


def test_keras_is_tried_only_where_its_start_may_pay(tried: list[str]) -> None:
    both = network("onnxruntime", "keras")
    assert both.choose(LARGE).network.ran_by() == "onnxruntime"
    assert tried == ["onnxruntime"]
    assert both.choose(HUGE).network.ran_by() == "keras"
    assert both.choose(LARGE).network.ran_by() == "onnxruntime"
    assert tried == ["onnxruntime", "keras"]


def test_memory_that_is_known_is_that_of_the_chosen_runtime(tried: list[str]) -> None:
    both = network("onnxruntime", "openvino")
    choice = both.choose(LARGE)
    assert choice.bytes_per_px(choice.network) == 200.0
    assert choice.bytes_per_px(both.networks[0]) is None, "which began the slide"
    keras = network("onnxruntime", "keras").choose(HUGE)
    assert keras.bytes_per_px(keras.network) is None, "that of TensorFlow differs between processes"
    assert auto.Choice(both.usual).bytes_per_px(both.usual) is None


def measured(of: dict[str, Measured | None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trials find this."""
    monkeypatch.setattr(auto, "try_network", lambda network: of[network.ran_by()])


def test_of_equally_fast_ones_that_with_the_least_memory_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heavy, light = Measured(1, 0.360, GB, 900.0), Measured(1, 0.405, GB // 4, 150.0)
    measured({"litert": heavy, "openvino": light, "onnxruntime": None}, monkeypatch)
    choice = network("onnxruntime", "litert", "openvino").choose(LARGE)
    assert choice.network.ran_by() == "openvino"
    assert "; as fast as litert, with less memory; measured now" in choice.why
    assert "\n" not in choice.why
    alike = replace(light, loaded_bytes=GB // 4 - 1, per_mpx=0.41)
    measured({"onnxruntime": light, "openvino": alike}, monkeypatch)
    choice = network("onnxruntime", "openvino").choose(LARGE)
    assert choice.network.ran_by() == "onnxruntime", "a few bytes are no reason"
    measured({"openvino": replace(light, per_mpx=0.5), "onnxruntime": heavy}, monkeypatch)
    choice = network("onnxruntime", "openvino").choose(LARGE)
    assert choice.network.ran_by() == "onnxruntime", "the other is slower by more than the noise"
    assert "with less memory" not in choice.why


def test_what_does_not_fit_the_memory_is_refused_also_if_it_is_remembered(
    tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heavy, light = Measured(1, 0.2, 2 * GB, 200.0), Measured(1, 0.4, GB // 4, 200.0)
    measured({"onnxruntime": light, "openvino": heavy}, monkeypatch)
    both = network("onnxruntime", "openvino")
    assert both.choose(replace(LARGE, budget=8 * GB)).network.ran_by() == "openvino"
    choice = both.choose(replace(LARGE, budget=GB))
    assert choice.network.ran_by() == "onnxruntime"
    assert "(openvino 0.2, too much memory); remembered" in choice.why
    assert both.choose(replace(SMALL, budget=GB)).network.ran_by() == "onnxruntime"
    assert both.choose(LARGE).network.ran_by() == "openvino"
    choice = both.choose(replace(LARGE, budget=GB // 10))
    assert choice.network.ran_by() == "onnxruntime", "the prediction says how much it needs"
    assert "none fits, this takes the least memory" in choice.why


def test_a_small_limit_counts_the_halos_of_small_tiles() -> None:
    contract, one = Named("openvino").contract(), Measured(1, 0.4, GB // 4, 600.0)
    free, tight = LARGE.needs(one, contract), replace(LARGE, budget=GB // 2).needs(one, contract)
    assert free is not None
    assert tight is not None
    assert tight.seconds > free.seconds > 1 + 0.4 * 20
    assert tight.bytes <= GB // 2 < free.bytes
    tile = PredictionConfig(tile=2048)
    assert replace(LARGE, budget=GB // 2, config=tile).needs(one, contract) is None


def test_small_slides_are_not_worth_a_trial(tried: list[str], cache: Path) -> None:
    assert network("onnxruntime", "openvino").choose(SMALL).network.ran_by() == "onnxruntime"
    assert not tried
    assert not cache.exists()


def test_a_runtime_that_is_gone_or_of_another_version_is_measured_again(
    tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network("onnxruntime", "openvino").choose(LARGE)
    assert network("onnxruntime", "litert").choose(LARGE).network.ran_by() == "onnxruntime"
    assert len(tried) == 4
    monkeypatch.setattr("hrpn_export.measure.installed_version", lambda name: "99")
    network("onnxruntime", "openvino").choose(LARGE)
    assert len(tried) == 6


def test_another_processor_is_measured_anew(
    tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network("onnxruntime", "openvino").choose(LARGE)
    own = remembered._processor()
    fewer = {**own, "flags": "without the instructions that it was measured with"}
    monkeypatch.setattr(remembered, "_processor", lambda: fewer)
    network("onnxruntime", "openvino").choose(LARGE)
    assert len(tried) == 4


def test_one_that_cannot_be_imported_is_passed_over(
    tried: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    both = network("openvino", "onnxruntime", "keras")
    assert both.choose(LARGE).network.ran_by() == "onnxruntime"
    assert "somewhere: openvino cannot be loaded (" in caplog.text
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert both.choose(SMALL).network.ran_by() == "keras"


def test_failures_of_the_machine_are_not_remembered(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "try_network", lambda of: None)
    assert network("onnxruntime", "openvino").choose(LARGE).network.ran_by() == "onnxruntime"
    assert not cache.exists()


def test_a_runtime_that_lacked_memory_is_tried_again_by_the_next_command(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    slow, fast = Measured(0.5, 0.5, 10**8, 200.0), Measured(1.0, 0.4, 10**8, 200.0)
    tried: list[str] = []

    def without_memory(of: Any) -> Measured | None:
        tried.append(of.ran_by())
        if of.ran_by() == "openvino":
            raise MemoryError
        return {"onnxruntime": slow, "litert": None}[of.ran_by()]

    monkeypatch.setattr(auto, "try_network", without_memory)
    three = network("onnxruntime", "openvino", "litert")
    assert three.choose(LARGE).network.ran_by() == "onnxruntime"
    assert "openvino: memory ran out in its trial" in caplog.text
    assert "openvino" not in json.loads(next(cache.iterdir()).read_text())["measured"]
    measured({"openvino": fast}, monkeypatch)
    assert three.choose(LARGE).network.ran_by() == "openvino", "the others are remembered"
    assert tried == ["onnxruntime", "openvino", "litert"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null"),
        *('{"schema": "hrpn-tf runtimes 2"}', "nan", "digits", "folder", "strings"),
    ],
)
def test_a_damaged_memory_is_measured_again(tried: list[str], cache: Path, text: str) -> None:
    both = network("onnxruntime", "openvino")
    both.choose(LARGE)
    (path,) = cache.iterdir()
    kept = path.read_text()
    if text == "folder":
        path.unlink()
        path.mkdir()
    elif text in (odd := {"nan": "NaN", "digits": "9" * 400, "strings": '"fast"'}):
        path.write_text(kept.replace("0.4", odd[text]))
    else:
        path.write_text(text)
    assert both.choose(LARGE).network.ran_by() == "openvino"
    assert len(tried) == 4


def test_a_cache_that_cannot_be_written_is_no_error(
    tried: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    for _ in range(2):
        choice = network("onnxruntime", "openvino").choose(LARGE)
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
        assert both.choose(LARGE).network.ran_by() == "openvino"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # of a user that is not known
    choice = both.choose(LARGE)
    assert choice.network.ran_by() == "openvino"
    remembered.forget(choice.key or {})
    assert len(tried) == 4


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
    choice = both.choose(LARGE)
    tiling = SimpleNamespace(shape=(1000, 1000), block=lambda index: SimpleNamespace(tiles=[0]))
    summary = SimpleNamespace(computed=10, tiling=tiling, symmetries=False, session_seconds=6.0)
    choice.compare(choice.network, summary)  # type: ignore[arg-type]
    summary.session_seconds = 9.0
    summary.computed = 1  # a first run alone says nothing
    choice.compare(choice.network, summary)  # type: ignore[arg-type]
    summary.computed = 10
    choice.compare(both.networks[0], summary)  # type: ignore[arg-type]
    both.choose(LARGE)
    assert len(tried) == 2
    choice.compare(choice.network, summary)  # type: ignore[arg-type]
    assert "took 0.9 s per megapixel, and 0.4 when it was chosen" in caplog.text
    both.choose(LARGE)
    assert len(tried) == 4
