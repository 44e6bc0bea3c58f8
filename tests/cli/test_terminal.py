"""What the options of the console show: quiet, verbose, JSON, before and after the command."""

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import hrpn_tf
from support.hostile import ESCAPES, is_harmless

from hrpn_tf.cli.show import show
from hrpn_tf.console import Verbosity, encodable, load_tensorflow, terminal_log
from hrpn_tf.progress import Progress, Update, callback_bars, show_progress

MISSING = ("prepare", "nowhere.csv", "--out", "store")


def log_everything() -> None:
    logger = logging.getLogger("hrpn_tf.somewhere")
    logger.debug("detail")
    logger.info("step")
    logger.warning("odd\n  thing")
    logging.getLogger("hrpn_tf.training.fit").info("epoch")


def test_the_library_shows_nothing_by_itself(capfd: pytest.CaptureFixture[str]) -> None:
    code = (
        "import logging, hrpn_tf\n"
        "logging.getLogger('hrpn_tf.somewhere').error('not shown')\n"
        "logging.getLogger('hrpn_tf.somewhere').warning('not shown')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_steps_go_to_standard_output_and_warnings_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with terminal_log():
        log_everything()
    shown = capsys.readouterr()
    assert shown.out == "step\n"
    assert shown.err == "hrpn-tf: odd thing\nepoch\n"


def test_quiet_leaves_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal_log(Verbosity(quiet=True)):
        log_everything()
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "hrpn-tf: odd thing\n")


def test_verbose_adds_time_and_logger(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal_log(Verbosity(verbose=True)):
        log_everything()
    shown = capsys.readouterr()
    assert shown.out == "step\n"
    assert [line.partition(" ")[2] for line in shown.err.splitlines()] == [
        "DEBUG hrpn_tf.somewhere: detail",
        "WARNING hrpn_tf.somewhere: odd thing",
        "INFO hrpn_tf.training.fit: epoch",
    ]


def test_json_is_one_object_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal_log(Verbosity(as_json=True)):
        log_everything()
    shown = capsys.readouterr()
    assert shown.out == ""
    records = [json.loads(line) for line in shown.err.splitlines()]
    assert [record["level"] for record in records] == ["INFO", "WARNING", "INFO"]
    assert all(set(record) == {"time", "level", "logger", "message"} for record in records)


def test_outside_the_context_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger("hrpn_tf").handlers[:]
    with terminal_log(Verbosity(quiet=True)), terminal_log(Verbosity(verbose=True)):
        log_everything()  # the outer one is in charge
    assert logging.getLogger("hrpn_tf").handlers == before
    assert capsys.readouterr().err == "hrpn-tf: odd thing\n"


@pytest.mark.parametrize("before", [True, False])
def test_errors_are_json_wherever_the_option_stands(
    capsys: pytest.CaptureFixture[str], before: bool
) -> None:
    arguments = ("--log-json", *MISSING) if before else (*MISSING, "--log-json")
    assert hrpn_tf(*arguments).exit_code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "nowhere.csv: cannot be read: No such file or directory"


def test_usage_errors_and_tracebacks_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert hrpn_tf("fit", "--log-json").exit_code == 2
    assert json.loads(capsys.readouterr().err)["message"] == "Missing option '--out'."
    assert hrpn_tf("--debug", *MISSING, "--log-json").exit_code == 2
    assert "SlideListError" in json.loads(capsys.readouterr().err)["traceback"]


def test_the_old_name_of_a_command_works_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hrpn_tf("profile", tmp_path / "nowhere").exit_code == 2
    warning, error = capsys.readouterr().err.splitlines()
    assert warning.startswith("hrpn-tf: profile is now called describe-training")
    assert "no run folder" in error
    hrpn_tf("--help")
    assert "\n  profile" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "verbosity", [Verbosity(), Verbosity(verbose=True), Verbosity(as_json=True)]
)
@pytest.mark.parametrize("name", ["hrpn_tf.somewhere", "hrpn_export.x", "py.warnings"])
def test_no_message_acts_on_the_terminal(
    capsys: pytest.CaptureFixture[str], verbosity: Verbosity, name: str
) -> None:
    with terminal_log(verbosity):
        logging.getLogger(name).warning(f"{ESCAPES}: odd")
        logging.getLogger(name).info(ESCAPES)
    shown = capsys.readouterr()
    assert "odd" in shown.err
    assert is_harmless(shown.out + shown.err)
    if verbosity.as_json:
        assert json.loads(shown.err.splitlines()[0])["message"] == f"{ESCAPES}: odd"


def test_a_result_does_not_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(f"a\n{ESCAPES}")
    shown = capsys.readouterr().out
    assert shown.startswith("a\n\\x1b]0;title")
    assert is_harmless(shown)


def test_titles_of_progress_bars_are_printable() -> None:
    updates: list[Update] = []
    with show_progress(callback_bars(updates.append)), Progress(ESCAPES, 1, "px") as bar:
        bar.update(note=ESCAPES)
    assert all(is_harmless(update.title + update.note) for update in updates)


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", f"/nowhere/{ESCAPES}.tif"),
        ("--debug", "inspect", f"/nowhere/{ESCAPES}.tif"),
        ("inspect", f"--{ESCAPES}"),
        (ESCAPES,),
        ("config", "--set", f"data.{ESCAPES}=1"),
        ("config", "--recipe", ESCAPES),
        ("predict", f"{ESCAPES}.tif", "--bundle", ESCAPES, "--out", "x"),
    ],
)
def test_no_error_acts_on_the_terminal(arguments: tuple[str, ...]) -> None:
    ended = hrpn_tf(*arguments)
    assert ended.exit_code == 2
    assert ended.err
    assert is_harmless(ended.out + ended.err)


def test_a_configuration_is_printed_without_marks_of_direction() -> None:
    ended = hrpn_tf("config", "data", "--set", "data.target='qd\u202e'")
    assert is_harmless(ended.out)
    assert '"qd\\u202E"' in ended.out


def test_what_an_encoding_cannot_show_is_escaped() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert encodable("µm: α", stream) == "\\xb5m: \\u03b1"


@pytest.mark.parametrize(("level", "shown"), [("2", False), ("0", True)])
def test_advice_of_tensorflow_to_authors_of_networks_is_shown_to_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, level: str, shown: bool
) -> None:
    """How often a function was traced, for example."""
    import tensorflow as tf

    log = tf.get_logger()
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        load_tensorflow()
        assert log.isEnabledFor(logging.WARNING) == shown
    finally:
        log.setLevel(before)
