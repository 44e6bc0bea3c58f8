"""Which GPUs a process may use."""

from pathlib import Path

import pytest

from hrpn_tf import gpus
from hrpn_tf.gpus import own_gpus


def test_gpus_are_those_that_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-5")
    assert own_gpus() == ("2", "GPU-5")
    for nothing in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", nothing)
        assert own_gpus() == ()


def test_gpus_of_the_driver_where_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus, "_DRIVER", tmp_path / "gpus")
    assert own_gpus() == ()
    for card in ("0000:01:00.0", "0000:41:00.0"):
        (tmp_path / "gpus" / card).mkdir(parents=True)
    assert own_gpus() == ("0", "1")
