"""Options that several commands share, so that each reads the same everywhere."""

from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrpn_tf.errors import UsageError

if TYPE_CHECKING:
    from hrpn_tf.prediction import Region

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_CONSOLE = {
    "--quiet": "Show warnings and errors only; no progress, no steps.",
    "--verbose": "Show debug messages, too, with time and logger name.",
    "--log-json": "Write messages and progress to standard error as JSON, one object per line.",
    "--debug": "Show the traceback of an error.",
}


def console_options() -> list[click.Option]:
    """Options of the program and of every command: what is shown on the terminal, and how.

    They are read by :func:`console_flags` before any command is, so that its errors follow them.
    """
    return [
        click.Option([name], is_flag=True, expose_value=False, help=text)
        for name, text in _CONSOLE.items()
    ]


def console_flags(arguments: Sequence[str]) -> set[str]:
    """Those of :func:`console_options` that a command line has, before or after the command.

    Example:
        >>> sorted(console_flags(["--debug", "fit", "store", "--quiet"]))
        ['--debug', '--quiet']
    """
    options = takewhile(lambda argument: argument != "--", arguments)
    return {argument for argument in options if argument in _CONSOLE}


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


def parse_region(text: str | None) -> "Region | None":
    """What ``--region`` says, px.

    Raises:
        UsageError: not four whole numbers.
    """
    from hrpn_tf.prediction.tiling import Region

    if text is None:
        return None
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--region {text}: expected X,Y,WIDTH,HEIGHT in px, e.g. 0,0,4096,4096"
        ) from None
    return Region(y, x, height, width)
