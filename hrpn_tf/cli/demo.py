"""``hrpn-tf demo``: every step on simulated slides, ending in the page of the report."""

import logging
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from hrpn_tf.cli.options import config_options, overwrite_option
from hrpn_tf.cli.show import show
from hrpn_tf.errors import FinishedRunError, HrpnError, OutputExistsError
from hrpn_tf.waiting import waiting

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Step:
    """One command of the demo.

    Attributes:
        arguments: of ``hrpn-tf``.
        result: what is there when it is done; None for a command that finds out itself.
        done: errors by which it says that it is done already.
    """

    arguments: tuple[str, ...]
    result: Path | None = None
    done: tuple[type[HrpnError], ...] = ()


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Folder for slides, patches and run.",
)
@config_options
@overwrite_option
def command(
    out: Path, config_source: str | None, overrides: tuple[str, ...], overwrite: bool
) -> None:
    """Simulate slides, train a small network on them, and show what it predicts.

    Runs simulate, prepare, fit, predict, evaluate and report with the recipe demo, and prints each
    command before it runs, for you to repeat with slides of your own. It takes minutes on two
    cores. After an interruption, the same command resumes.
    """
    steps = _steps(out, config_source or "demo", overrides)
    for number, step in enumerate(steps, start=1):
        arguments = (*step.arguments, "--overwrite") if overwrite else step.arguments
        show(f"[{number}/{len(steps)}] hrpn-tf {shlex.join(arguments)}")
        if step.result is not None and step.result.exists() and not overwrite:
            show(f"{step.result} is there already")
            continue
        _run(arguments, step.done)
    run = out / "run"
    show(f"\nOpen the page {run / 'report' / 'index.html'}")
    show(f"and the table {run / 'evaluation' / 'metrics.md'}")


def _steps(out: Path, config: str, overrides: tuple[str, ...]) -> tuple[_Step, ...]:
    slides, patches, run = out / "slides", out / "patches", out / "run"
    settings = ("--config", config, *(part for text in overrides for part in ("--set", text)))
    listed = str(slides / "slides.csv")
    return (
        _Step(("simulate", *settings, "--out", str(slides))),
        _Step(("prepare", listed, *settings, "--out", str(patches)), patches),
        _Step(("fit", str(patches), *settings, "--out", str(run)), done=(FinishedRunError,)),
        _Step(("predict", "--run", str(run)), done=(OutputExistsError,)),
        _Step(("evaluate", "--run", str(run)), run / "evaluation"),
        _Step(("report", str(run)), run / "report"),
    )


def _run(arguments: tuple[str, ...], done: tuple[type[HrpnError], ...]) -> None:
    """Run a command of this program in this process."""
    from hrpn_tf.cli.main import main

    run: Callable[..., object] = main.main
    waiting.begin()  # or each step would count the time of those before it
    try:
        run(args=list(arguments), prog_name="hrpn-tf", standalone_mode=False)
    except done as error:
        logger.info(str(error))
