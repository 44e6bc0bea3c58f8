"""The ``hrpn-tf`` command: finds the subcommands and turns named errors into exit codes."""

import importlib
import signal
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import TextIO

import click
from hrpn_export.errors import BundleError

from hrpn_tf import __version__
from hrpn_tf.errors import HrpnError

# name: (module, one line for --help). Modules are imported only when their command is run or its
# own help is asked for, so that `hrpn-tf --help` loads neither TensorFlow nor anything heavy.
COMMANDS = {
    "config": "Print the configuration with explanations, or start a configuration file.",
    "simulate": "Make slides whose truth is known.",
    "inspect": "Print what is understood of a slide.",
    "prepare": "Cut slides into a store of patches.",
    "fit": "Train a network on a store of patches.",
    "profile": "Describe the training slides of a run, to tell which others are unlike.",
    "predict": "Predict whole slides.",
    "calibrate": "Give a network prediction intervals.",
    "export": "Export a network to a bundle of formats, each with a certificate.",
    "benchmark": "Measure memory, latency and throughput of bundles.",
    "evaluate": "Compare predicted slides with the measured target.",
    "report": "Show a run or an evaluation on one page, with a viewer of every slide.",
    "compare": "Compare runs on the same test slides.",
    "crossval": "Train and evaluate every leave-one-group-out fold.",
    "models": "List the networks and what they cost.",
    "import-weights": "Load a published PyTorch checkpoint.",
}


class _LazyGroup(click.Group):
    """A group whose commands live in modules named after them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"hrpn_tf.cli.{name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands, in the order of use"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup)
@click.version_option(__version__, prog_name="hrpn-tf")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Predict, pixel by pixel, where injected nanoprobes go in a tumour section."""


def run(arguments: list[str] | None = None) -> None:
    """Entry point of the console script: never returns; exits with 0, 1, 2 or 130 / 143."""
    arguments = sys.argv[1:] if arguments is None else arguments
    signal.signal(signal.SIGTERM, _terminate)
    warnings.showwarning = _warn
    try:
        main.main(args=arguments, prog_name="hrpn-tf", standalone_mode=False)
    except _TerminatedError as stop:
        _stop("stopped; run the same command again to go on", 128 + stop.signum)
    except click.exceptions.Abort:
        _stop("stopped; run the same command again to go on", 130)
    except KeyboardInterrupt:
        _stop("stopped; run the same command again to go on", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (HrpnError, BundleError) as error:
        if "--debug" in arguments:
            raise
        _stop(str(error), error.exit_code)
    except BrokenPipeError:
        _stop("output closed", 1)
    except OSError as error:
        if "--debug" in arguments:
            raise
        where = f"{error.filename}: " if error.filename else ""
        _stop(f"{where}{error.strerror or error}", 1)
    sys.exit(0)


class _TerminatedError(SystemExit):
    """SIGTERM; said once the stack is unwound, below the progress bar rather than within it."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


def _terminate(signum: int, frame: FrameType | None) -> None:
    """SIGTERM unwinds the stack, so that temporary files are removed and state is saved."""
    raise _TerminatedError(signum)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning of this package in one line, like an error; others as Python shows them."""
    own = Path(filename).is_relative_to(Path(__file__).parents[1])
    text = f"hrpn-tf: {message}\n"
    if not own:
        text = warnings.formatwarning(message, category, filename, lineno, line)
    (file or sys.stderr).write(text)


def _stop(message: str, code: int) -> None:
    _say(message)
    sys.exit(code)


def _say(message: str) -> None:
    print(f"hrpn-tf: {' '.join(message.split())}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    run()
