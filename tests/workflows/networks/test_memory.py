"""The memory of a network is measured once for a machine."""

from pathlib import Path

import pytest
from support.small_bundle import small_bundle

from hrpn_tf.prediction import probe
from hrpn_tf.workflows.networks.bundle import BundleNetwork
from hrpn_tf.workflows.networks.memory import remembered_memory
from hrpn_tf.workflows.networks.network import load_network


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "hrpn-tf" / "runtimes"


def probed(network: BundleNetwork) -> tuple[bool, float]:
    """Whether the memory was known, and what it is, in a session of its own."""
    session = network.load(None)
    with remembered_memory(network, session):
        known = probe.is_expected(session)
        return known, probe.probe_session(session, 2048).bytes_per_px


def test_it_is_remembered_by_network_and_runtime(cache: Path) -> None:
    network = BundleNetwork(small_bundle(), runtime="onnxruntime")
    known, first = probed(network)
    assert not known
    assert len(list(cache.glob("*.json"))) == 1
    assert probed(network) == (True, first)
    other = BundleNetwork(small_bundle(), runtime="openvino")
    assert not probed(other)[0]
    assert len(list(cache.glob("*.json"))) == 2


@pytest.mark.parametrize("value", ["-1", "0", "NaN", "1e300", "9" * 400, '"much"', "null"])
def test_what_is_damaged_is_measured_again(cache: Path, value: str) -> None:
    network = BundleNetwork(small_bundle(), runtime="onnxruntime")
    _, first = probed(network)
    (path,) = cache.glob("*.json")
    path.write_text(
        path.read_text().replace(f'"bytes_per_px": {first}', f'"bytes_per_px": {value}')
    )
    assert not probed(network)[0]


def test_without_a_cache_it_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    network = BundleNetwork(small_bundle(), runtime="onnxruntime")
    assert not probed(network)[0]
    assert not probed(network)[0]


def test_that_of_other_runtimes_is_measured_each_time(cache: Path) -> None:
    network = BundleNetwork(small_bundle(), format="tflite", runtime="litert")
    with remembered_memory(network, load_network(BundleNetwork(small_bundle()))):
        pass
    assert not cache.exists()
