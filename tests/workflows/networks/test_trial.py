"""A trial runs the network in a process of its own, and says why it could not."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from support.small_bundle import small_bundle

from hrpn_tf.workflows.networks import trial
from hrpn_tf.workflows.networks.bundle import BundleNetwork
from hrpn_tf.workflows.networks.trial import try_network

GB = 10**9


@pytest.mark.parametrize(
    ("program", "lacked_memory"),
    [
        ("import os; os.kill(os.getpid(), 9)", True),
        ("raise MemoryError", True),
        ("import os, sys; sys.stderr.write('what():  std::bad_alloc'); os.abort()", True),
        ("import os; os.kill(os.getpid(), 4)", False),
        ("raise ImportError('libgomp.so.1: cannot open shared object file')", False),
    ],
)
def test_a_trial_tells_want_of_memory_from_a_runtime_that_cannot_run(
    program: str, lacked_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_PROGRAM", program)
    with pytest.raises(MemoryError) if lacked_memory else nullcontext():
        assert try_network(BundleNetwork(small_bundle())) is None


def test_no_module_of_the_working_folder_takes_part_in_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "numpy", "onnxruntime"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w').close()\nraise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    assert try_network(BundleNetwork(small_bundle())) is not None
    assert not (tmp_path / "ran").exists()


def test_a_real_trial_starts_and_runs_the_network(tmp_path: Path) -> None:
    found = try_network(BundleNetwork(small_bundle()))
    assert found is not None
    assert 0 < found.per_mpx < 60
    assert 0 < found.start < 120
    assert 5 * 2**20 < found.loaded_bytes < 2 * GB
    assert 12 <= found.bytes_per_px < 10_000
    assert try_network(BundleNetwork(tmp_path / "nowhere")) is None
