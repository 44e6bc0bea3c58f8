"""The ``hrpn-tf`` command: finds the subcommands and turns named errors into exit codes."""

import gc
import importlib
import io
import logging
import os
import sys
import traceback
import warnings
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn, TextIO

import click
from hrpn_export.errors import BundleError

from hrpn_tf import extras
from hrpn_tf._version import __version__
from hrpn_tf.cli.options import console_flags, console_options
from hrpn_tf.cli.show import replace_unprintable
from hrpn_tf.cli.signals import TerminatedError, end_by_signals
from hrpn_tf.console import WARNINGS, Verbosity, terminal_log
from hrpn_tf.errors import HrpnError
from hrpn_tf.text import printable_lines
from hrpn_tf.waiting import waiting

# name: (module, one line for --help). Modules are imported only when their command is run or its
# own help is asked for, so that `hrpn-tf --help` loads neither TensorFlow nor anything heavy.
COMMANDS = {
    "demo": "Run every step on simulated slides, in minutes.",
    "init": "Propose a slide list and a configuration for a folder of images.",
    "config": "Print the configuration with explanations, or start a configuration file.",
    "simulate": "Simulate slides with known ground truth.",
    "inspect": "Show how a slide is read: size, channels, pixel size.",
    "prepare": "Cut slides into a patch dataset.",
    "fit": "Train a network on a patch dataset.",
    "describe-training": "Describe the training slides of a run, to detect slides unlike them.",
    "twin": "Make the ONNX twin of a run, which predicts without TensorFlow.",
    "predict": "Predict whole slides.",
    "napari": "Open slides in napari, to predict and measure them there.",
    "calibrate": "Add prediction intervals to a network.",
    "export": "Export a network to a bundle of certified formats.",
    "serve": "Serve predictions with a bundle over HTTP.",
    "benchmark": "Measure latency, throughput and memory of bundles.",
    "analyse": "Measure predicted slides without a measured target.",
    "permeability": "Fit how strongly each vessel leaks, from a measured target.",
    "evaluate": "Compare predicted slides with the measured target.",
    "report": "Make an HTML report of a run or an evaluation, with a slide viewer.",
    "compare": "Compare runs on the same test slides.",
    "plan": "Plan what to measure next: more animals, which slides.",
    "crossval": "Cross-validate by leaving out one group at a time.",
    "models": "List the networks with their parameters and cost.",
    "weights": "List the weights that come with the program, or fetch more.",
    "import-weights": "Import a published PyTorch checkpoint.",
}

# Old name: new name. An old name works for one release, hidden and with a warning.
RENAMED = {"profile": "describe-training"}

logger = logging.getLogger("hrpn_tf.cli")  # by name: as a program, this module is __main__


class _LazyGroup(click.Group):
    """A group whose commands live in modules named after them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        name = RENAMED.get(name, name)
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"hrpn_tf.cli.{name.replace('-', '_')}")
        command: click.Command = module.command
        there = {option for parameter in command.params for option in parameter.opts}
        command.params += [each for each in console_options() if not there & set(each.opts)]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in RENAMED:
            logger.warning(
                f"{name} is now called {RENAMED[name]}; the old name will be removed in the next "
                "release"
            )
        elif name not in COMMANDS and (near := get_close_matches(name, COMMANDS, n=1)):
            ctx.fail(f"No such command '{name}'. Did you mean '{near[0]}'?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands, in the order of use"):
            formatter.write_dl(list(COMMANDS.items()))


_STOPPED = "stopped; run the same command again to go on"


@click.group(
    cls=_LazyGroup,
    params=console_options(),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="hrpn-tf")
@click.pass_context
def main(context: click.Context) -> None:
    """Predict, pixel by pixel, where injected nanoprobes go in a tumour section."""
    context.with_resource(terminal_log())


def run(arguments: list[str] | None = None) -> None:
    """Entry point of the console script: never returns; exits with 0, 1, 2 or 130 / 143."""
    waiting.begin()
    arguments = sys.argv[1:] if arguments is None else arguments
    end_by_signals()
    # the imports of a command make many objects and no garbage, for which Python looks all the time
    gc.set_threshold(10_000)
    # to look for plugins, pydantic reads the metadata of every package that is installed
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    warnings.showwarning = _warn
    replace_unprintable()
    flags = console_flags(arguments)
    verbosity = Verbosity("--quiet" in flags, "--verbose" in flags, "--log-json" in flags)
    with terminal_log(verbosity):
        _run(arguments, debug="--debug" in flags, as_json=verbosity.as_json)
    sys.exit(0)


def _run(arguments: list[str], *, debug: bool, as_json: bool) -> None:
    """Run a command; its errors become a line and an exit code."""
    logger.debug(f"hrpn-tf {__version__}, Python {sys.version.split()[0]}: {' '.join(arguments)}")
    try:
        main.main(args=arguments, prog_name="hrpn-tf", standalone_mode=False)
    except TerminatedError as stop:
        _stop(_STOPPED, 128 + stop.signum)
    except (click.exceptions.Abort, KeyboardInterrupt):
        _stop(_STOPPED, 130)
    except click.ClickException as error:
        if as_json:
            _stop(error.format_message(), error.exit_code)
        sys.stderr.write(_explained(error))
        sys.exit(error.exit_code)
    except (HrpnError, BundleError) as error:
        if debug and not as_json:
            _show_traceback(error.exit_code)
        _stop(str(error), error.exit_code, debug)
    except ModuleNotFoundError as error:
        if debug or (missing := extras.named(error)) is None:
            raise
        _stop(str(missing), missing.exit_code)
    except BrokenPipeError:
        _stop("output closed", 1)
    except OSError as error:
        if debug and not as_json:
            _show_traceback(1)
        _stop(*_of_the_system(error), debug)


def _of_the_system(error: OSError) -> tuple[str, int]:
    """What the file system refused, in a line, and the exit code."""
    where = f"{error.filename}: " if error.filename else ""
    if where and isinstance(error, FileExistsError | NotADirectoryError):
        return f"{where}a file lies where a folder is needed", 2
    return f"{where}{error.strerror or error}", 1


def _show_traceback(code: int) -> NoReturn:
    """The traceback of the error at hand, whose message may quote a file."""
    sys.stderr.write(printable_lines(traceback.format_exc()))
    sys.exit(code)


def _explained(error: click.ClickException) -> str:
    """What click says of a command line, which the message quotes, with its usage."""
    text = io.StringIO()
    error.show(text)
    return printable_lines(text.getvalue())


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning of this package in one line, like an error; others as Python shows them."""
    if Path(filename).is_relative_to(Path(__file__).parents[1]):
        logger.warning(str(message))
        return
    if issubclass(category, EncodingWarning):  # of another package, which a user cannot mend
        return
    text = warnings.formatwarning(message, category, filename, lineno, line)
    logging.getLogger(WARNINGS).warning(text)


def _stop(message: str, code: int, traceback: bool = False) -> NoReturn:
    logger.error(message, exc_info=traceback)
    sys.exit(code)


if __name__ == "__main__":
    run()
