"""``hrpn-tf config``: print the configuration with its explanations."""

import io
import json
import os
import sys

import click

from hrpn_tf.cli.options import complete_sections, config_options
from hrpn_tf.cli.show import show
from hrpn_tf.config import load_config
from hrpn_tf.config.commented import commented_yaml
from hrpn_tf.config.loader import recipes
from hrpn_tf.config.schema import config_schema
from hrpn_tf.errors import UsageError


@click.command("config")
@click.argument("section", required=False, default="", shell_complete=complete_sections)
@click.option(
    "--recipe",
    type=click.Choice(list(recipes())),
    help="Built-in recipe to start from (default: the built-in values).",
)
@config_options
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a configuration file.")
def command(
    section: str,
    recipe: str | None,
    config_source: str | None,
    overrides: tuple[str, ...],
    schema: bool,
) -> None:
    """Print the resolved configuration as YAML, with a comment on every key.

    SECTION prints one section or key only, such as training.optimizer. The output is a complete
    configuration file; this starts one:

        hrpn-tf config --recipe demo > hrpn.yaml

    Editors that know the YAML language server complete and check the file once the schema lies
    beside it:

        hrpn-tf config --schema > hrpn.schema.json
    """
    if schema:
        if section or recipe or config_source or overrides:
            raise UsageError("--schema describes every configuration; give nothing else with it")
        _print(json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n")
        return
    if recipe and config_source:
        raise UsageError("--recipe and --config both name a configuration; give one of them")
    if config_source:
        _refuse_own_output(config_source)
    from hrpn_tf.training.checks import adopt_preset

    source = str(recipes()[recipe]) if recipe else config_source
    config = adopt_preset(load_config(source, overrides))
    _print(commented_yaml(config, section, recipe or config_source or ""))


def _refuse_own_output(source: str) -> None:
    """Stop at ``--config FILE > FILE``, which would replace FILE by the defaults."""
    try:
        same = os.path.samestat(os.fstat(sys.stdout.fileno()), os.stat(source))
    except (OSError, ValueError):  # not there, or an output that is no file
        return
    if same:
        raise UsageError(
            f"{source}: the output goes to this file, too, so the shell emptied it before it could "
            "be read; redirect to another file"
        )


def _print(text: str) -> None:
    """Print; to a file or pipe as UTF-8 in any locale, as configuration files are read."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")
    show(text.removesuffix("\n"))
