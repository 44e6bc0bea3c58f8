"""Options made from the configuration have the names, types and limits of the keys."""

import doctest

import click
import pytest

from hrpn_tf.cli import section_options
from hrpn_tf.cli.predict import command
from hrpn_tf.config import PredictionConfig

OPTIONS = {each.name: each for each in command.params if isinstance(each, click.Option)}


def test_docstrings() -> None:
    result = doctest.testmod(section_options)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("key", PredictionConfig.model_fields)
def test_every_key_of_the_section_is_an_option_without_a_default_of_its_own(key: str) -> None:
    option = OPTIONS[key]
    assert option.opts == [f"--{key.replace('_', '-')}"]
    assert option.default is None
    assert option.help
    assert "`" not in option.help


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("tile", "integer range"),
        ("halo", "integer range"),
        ("format", "choice"),
        ("max_ram", "text"),
        ("io_timeout", "float"),
        ("resample", "boolean"),
    ],
)
def test_click_checks_what_it_can(key: str, name: str) -> None:
    assert OPTIONS[key].type.name == name


def test_the_negative_form_is_named_in_the_help() -> None:
    assert OPTIONS["skip_empty"].secondary_opts == ["--no-skip-empty"]
    assert "--no-resample refuses them (default: yes)." in (OPTIONS["resample"].help or "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tile", "8"], "8 is not in the range x>=32"),
        (["--dtype", "int8"], "'int8' is not one of 'float32', 'uint16', 'uint8'"),
    ],
)
def test_values_out_of_range_are_usage_errors(arguments: list[str], message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        command.make_context("predict", arguments)
