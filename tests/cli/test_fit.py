"""What ``hrpn-tf fit`` refuses before TensorFlow loads."""

from pathlib import Path

import pytest
from support.command import hrpn_tf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'PATCHES'"),
        (["--keep"], "--keep: is for --simulate, which was not given"),
        (["store", "--simulate-first", 3], "--simulate-first: is for --simulate"),
        (["--simulate", 3, "--workers", 2], "--simulate trains in one process"),
        (["--simulate", 0], "0 is not in the range x>=1"),
    ],
)
def test_options_that_make_no_sense_together(
    arguments: list[object], message: str, tmp_path: Path
) -> None:
    ended = hrpn_tf("fit", *arguments, "--out", tmp_path / "run")
    assert ended.exit_code == 2
    assert message in ended.err
    assert not list(tmp_path.iterdir())


def test_several_machines_do_not_simulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", "{}")
    ended = hrpn_tf("fit", "--simulate", 3, "--out", tmp_path / "run")
    assert ended.exit_code == 2
    assert "leave out --workers and TF_CONFIG" in ended.err
