"""hrpn-tf demo: its steps, in their order, and what is left out when it is run again."""

from pathlib import Path

import pytest
from support.command import hrpn_tf

from hrpn_tf.cli import demo
from hrpn_tf.errors import FinishedRunError, HrpnError, StoreError

STEPS = ["simulate", "prepare", "fit", "predict", "evaluate", "report"]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that the demo runs, which do nothing."""
    found: list[tuple[str, ...]] = []
    monkeypatch.setattr(demo, "_run", lambda arguments, done: found.append(arguments))
    return found


def test_every_step_is_printed_and_run(ran: list[tuple[str, ...]], tmp_path: Path) -> None:
    ended = hrpn_tf("demo", "--out", tmp_path / "my demo", "--set", "training.epochs=1")
    assert ended.exit_code == 0
    assert [arguments[0] for arguments in ran] == STEPS
    assert "[3/6] hrpn-tf fit" in ended.out
    assert f"'{tmp_path / 'my demo' / 'patches'}'" in ended.out  # can be pasted
    assert ended.out.splitlines()[-2] == f"Open the page {tmp_path}/my demo/run/report/index.html"
    for arguments in ran[:3]:
        assert arguments[arguments.index("--config") :][:2] == ("--config", "demo")
        assert arguments[arguments.index("--set") + 1] == "training.epochs=1"


def test_what_is_there_is_not_made_again(ran: list[tuple[str, ...]], tmp_path: Path) -> None:
    for name in ("patches", "run/evaluation"):
        (tmp_path / name).mkdir(parents=True)
    assert "evaluation is there already" in hrpn_tf("demo", "--out", tmp_path).out
    assert [arguments[0] for arguments in ran] == ["simulate", "fit", "predict", "report"]
    ran.clear()
    assert hrpn_tf("demo", "--out", tmp_path, "--overwrite").exit_code == 0
    assert [arguments[0] for arguments in ran] == STEPS
    assert all(arguments[-1] == "--overwrite" for arguments in ran)


@pytest.mark.parametrize(("error", "code"), [(FinishedRunError, 0), (StoreError, 1)])
def test_a_finished_training_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: type[HrpnError], code: int
) -> None:
    from hrpn_tf.cli.main import main

    def run(args: list[str], **options: object) -> None:
        if args[0] == "fit":
            raise error("as it is")

    run_demo = main.main
    monkeypatch.setattr(
        main, "main", lambda args, **kw: (run_demo if args[0] == "demo" else run)(args=args, **kw)
    )
    assert hrpn_tf("demo", "--out", tmp_path).exit_code == code


def test_its_options_are_those_of_the_program(tmp_path: Path) -> None:
    """An unknown key is refused by the first step, and nothing is made."""
    ended = hrpn_tf("demo", "--out", tmp_path / "d", "--set", "training.epoch=1")
    assert ended.exit_code == 2
    assert "training.epochs" in ended.err
    assert not (tmp_path / "d").exists()
