"""Options that several commands share, so that each reads the same everywhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def config_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--config`` and ``--set``, for :func:`hrpn_tf.config.load_config`."""
    function = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Override one value of the configuration; may be repeated.",
    )(function)
    return click.option(
        "--config",
        "config_source",
        metavar="FILE|RECIPE",
        help="Configuration file, or the name of a shipped recipe.",
    )(function)


def out_option(what: str, required: bool = True) -> Decorator:
    """``--out``: where the result goes."""
    return click.option(
        "--out", type=click.Path(path_type=Path), required=required, help=f"Where {what} goes."
    )


overwrite_option: Decorator = click.option(
    "--overwrite", is_flag=True, help="Replace an existing result."
)

pixel_size_option: Decorator = click.option(
    "--pixel-size",
    "pixel_size_um",
    type=click.FloatRange(min=0, min_open=True),
    help="Micrometres per pixel, for slides that state none.",
)

preset_option: Decorator = click.option(
    "--preset", metavar="NAME", help="Network: a name that `hrpn-tf models` lists.  [hrpn-m]"
)
