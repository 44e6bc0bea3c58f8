"""Options that reach a command together."""

from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any

import click
import pytest

from hrpn_tf.cli.options import option_group
from hrpn_tf.workflows.calibrate import CalibrationOptions
from hrpn_tf.workflows.compare import ComparisonOptions
from hrpn_tf.workflows.evaluate import EvaluationOptions
from hrpn_tf.workflows.report import ReportOptions


@dataclass(frozen=True)
class Choice:
    size: int
    names: tuple[str, ...]


@pytest.fixture
def command() -> click.Command:
    @click.command()
    @click.option("--before")
    @option_group(
        "choice",
        Choice,
        click.option("--size", type=int, default=2, help="First."),
        click.option("--name", "names", multiple=True, help="Second."),
    )
    @click.option("--after")
    def command(choice: Choice, before: str | None, after: str | None) -> object:
        return choice, before, after

    return command


def test_options_are_collected(command: click.Command) -> None:
    arguments = ["--name", "a", "--after", "x", "--name", "b"]
    found = command.main(arguments, standalone_mode=False)
    assert found == (Choice(2, ("a", "b")), None, "x")


def test_help_keeps_the_order(command: click.Command) -> None:
    text = command.get_help(click.Context(command))
    order = [text.index(name) for name in ("--before", "--size", "--name", "--after")]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["calibrate", "run"], CalibrationOptions()),
        (["compare", "run", "--out", "out"], ComparisonOptions()),
        (["report", "run"], ReportOptions()),
        (["evaluate", "--run", "run"], EvaluationOptions()),
    ],
)
def test_the_command_line_has_the_defaults_of_python(arguments: list[str], options: Any) -> None:
    name, *rest = arguments
    values = import_module(f"hrpn_tf.cli.{name}").command.make_context(name, rest).params
    for field in fields(options):
        expected = getattr(options, field.name)
        assert (values[field.name] or None) == (expected or None), field.name
