"""The comparison of learning rates: trainings that go on, and ratios seed by seed."""

import sys
from pathlib import Path

import pytest
from experiments import learning_rate
from support.tiny_training import TINY_RUN, tiny_presets, tiny_store


def test_ratios_are_those_of_equal_seeds() -> None:
    *_, first, second = learning_rate.table({0.002: [10.0, 20.0], 0.006: [5.0, 40.0]})
    assert first == "| 0.002 | 10.00, 20.00 | 15.00 | 1.000 (1.000 to 1.000) |"
    assert second == "| 0.006 | 5.00, 40.00 | 22.50 | 1.000 (0.500 to 2.000) |"


def test_trainings_run_once_and_give_their_lowest_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_store(tmp_path)
    settings = [text for each in TINY_RUN for text in ("--set", each)]
    arguments = [str(tmp_path / "store"), "--out", str(tmp_path / "out"), "--steps", "4"]
    arguments += ["--rates", "0.01", "--seeds", "3", *settings]
    monkeypatch.setattr(sys, "argv", ["learning_rate", *arguments])
    tables = []
    with tiny_presets():
        for _ in range(2):
            learning_rate.main()
            tables.append(capsys.readouterr().out.splitlines())
    first, again = tables
    assert again == [f"{tmp_path}/out/rate-0.01-seed-3: is trained already", *first[-3:]]
    assert first[-1].startswith("| 0.01 | ")
