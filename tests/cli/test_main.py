"""What the command line does as a whole: help, exit codes, one line per error, lean imports."""

import importlib
import os
import subprocess
import sys
import warnings
from pathlib import Path

import click
import pytest
from support.command import hrpn_tf_apart

from hrpn_tf.cli.main import COMMANDS, _warn, main, run
from hrpn_tf.errors import HrpnError, NoTissueError, SlideNotFoundError


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    command = importlib.import_module(f"hrpn_tf.cli.{name.replace('-', '_')}").command
    assert isinstance(command, click.Command)
    assert command.help
    assert all(p.help for p in command.params if isinstance(p, click.Option))


def test_help_of_every_command_loads_no_tensorflow() -> None:
    names = list(COMMANDS)
    script = (
        "import sys\nfrom click.testing import CliRunner\nfrom hrpn_tf.cli.main import main\n"
        f"for name in {names!r}:\n"
        "    assert CliRunner().invoke(main, [name, '--help']).exit_code == 0, name\n"
        "loaded = {'tensorflow', 'keras', 'matplotlib', 'skimage', 'torch'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# What the help of a command may load: some options are made from the configuration or the formats.
LIBRARIES = {"numpy", "pydantic", "yaml", "tifffile", "zarr", "shapely", "tqdm", "jinja2", "scipy"}
_CONFIGURATION = {"pydantic", "yaml"}
HELP_LOADS = {
    "config": _CONFIGURATION,
    "crossval": _CONFIGURATION,
    "evaluate": {"yaml"},
    "export": {"numpy", "pydantic"},
    "fit": _CONFIGURATION,
    "import-weights": _CONFIGURATION,
    "predict": _CONFIGURATION,
    "prepare": _CONFIGURATION,
    "serve": _CONFIGURATION,
    "simulate": _CONFIGURATION,
    "weights": {"yaml"},
}


def test_help_of_a_command_loads_no_library_that_it_does_not_need() -> None:
    script = (
        "import sys\nfrom click.testing import CliRunner\nfrom hrpn_tf.cli.main import main\n"
        "assert CliRunner().invoke(main, sys.argv[1:]).exit_code == 0\n"
        f"print(*sorted({LIBRARIES!r} & set(sys.modules)))\n"
    )
    for arguments in (["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)):
        command = [sys.executable, "-P", "-c", script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        loaded = set(done.stdout.split())
        assert loaded <= HELP_LOADS.get(arguments[0], set()), arguments


def test_the_completion_of_commands_and_options_loads_no_library() -> None:
    script = (
        "import sys\nfrom hrpn_tf.cli.main import run\ntry:\n    run([])\n"
        f"finally:\n    print(*sorted({LIBRARIES!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    words = {
        "_HRPN_TF_COMPLETE": "bash_complete",
        "COMP_WORDS": "hrpn-tf insp",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **words},
    )
    assert done.stdout == "plain,inspect\n"
    assert done.stderr.strip() == ""


def test_version_and_unknown_command() -> None:
    assert "hrpn-tf, version" in hrpn_tf_apart("--version").out
    wrong = hrpn_tf_apart("fitt")
    assert wrong.exit_code == 2
    assert "No such command" in wrong.err


def test_a_wrong_name_of_a_command_is_met_with_the_right_one() -> None:
    assert "Did you mean 'evaluate'?" in hrpn_tf_apart("evalute").err


def test_short_help_and_the_package_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hrpn_tf", "fit", "-h"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Usage: hrpn-tf fit [OPTIONS] [PATCHES]")


def test_every_command_has_the_options_of_the_console() -> None:
    with click.Context(main) as context:
        for name in COMMANDS:
            command = main.get_command(context, name)
            assert command is not None
            options = [option for each in command.params for option in each.opts]
            assert {"--quiet", "--verbose", "--log-json", "--debug"} < set(options), name
            assert len(options) == len(set(options)), name


@pytest.mark.parametrize(("error", "code"), [(SlideNotFoundError, 2), (NoTissueError, 1)])
def test_named_errors_become_one_line_and_a_code(
    error: type[HrpnError],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(**_: object) -> None:
        raise error("x.tif: what is\nwrong")

    monkeypatch.setattr(main, "main", fail)
    with pytest.raises(SystemExit) as caught:
        run(["predict"])
    assert caught.value.code == code
    assert capsys.readouterr().err == "hrpn-tf: x.tif: what is wrong\n"


def test_errors_of_the_system_become_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere/run")

    monkeypatch.setattr(main, "main", fail)
    with pytest.raises(SystemExit) as caught:
        run(["predict"])
    assert caught.value.code == 1
    assert capsys.readouterr().err == "hrpn-tf: /somewhere/run: Permission denied\n"


def test_wrong_input_of_a_real_command(tmp_path: Path) -> None:
    done = hrpn_tf_apart("prepare", "nowhere.csv", "--out", "store", cwd=tmp_path)
    assert done.exit_code == 2
    assert done.err.startswith("hrpn-tf: ")
    assert done.err.count("\n") == 1
    assert "Traceback" in hrpn_tf_apart("--debug", "prepare", "nowhere.csv", "--out", "s").err
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("terminal")
def test_a_warning_of_this_package_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", _warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn_explicit("slow", UserWarning, _warn.__code__.co_filename, 1)
        warnings.warn_explicit("odd", UserWarning, "/elsewhere/module.py", 7)
    own, *others = capsys.readouterr().err.splitlines()
    assert own == "hrpn-tf: slow"
    assert others[0] == "/elsewhere/module.py:7: UserWarning: odd"
