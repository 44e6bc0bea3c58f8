"""Options that several commands share, so that each reads the same everywhere."""

from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from hrpn_tf.errors import UsageError

if TYPE_CHECKING:
    from hrpn_tf.prediction import Region

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_CONSOLE = {
    "--quiet": "Show only warnings and errors, without progress; results are still printed.",
    "--verbose": "Also show debug messages, with time and logger name.",
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


def complete_config(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Recipes, and YAML files in this folder; the shell's own files once no recipe fits."""
    from hrpn_tf.config.loader import recipes

    names = [name for name in recipes() if name.startswith(incomplete)]
    if not names:
        return [CompletionItem(incomplete, type="file")]
    files = [path.name for path in sorted(Path().glob("*.y*ml"))]
    names += [name for name in files if name.startswith(incomplete)]
    return [CompletionItem(name) for name in names]


def complete_overrides(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Keys of the configuration, each with its meaning and an equals sign."""
    from hrpn_tf.config.keys import list_keys

    keys = [key for key in list_keys() if not key.is_section and key.name.startswith(incomplete)]
    return [CompletionItem(f"{key.name}=", help=key.summary) for key in keys]


def complete_sections(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Sections of the configuration, each with its meaning."""
    from hrpn_tf.config.keys import list_keys

    keys = [key for key in list_keys() if key.is_section and key.name.startswith(incomplete)]
    return [CompletionItem(key.name, help=key.summary) for key in keys]


def config_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--config`` and ``--set``, for :func:`hrpn_tf.config.load_config`."""
    function = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        shell_complete=complete_overrides,
        help="Configuration value to override; may be repeated.",
    )(function)
    return click.option(
        "--config",
        "config_source",
        metavar="FILE|RECIPE",
        shell_complete=complete_config,
        help="Configuration file, or the name of a built-in recipe (default: the built-in values).",
    )(function)


def out_option(what: str, required: bool = True) -> Decorator:
    """``--out``: path of the result."""
    return click.option("--out", type=click.Path(path_type=Path), required=required, help=what)


overwrite_option: Decorator = click.option(
    "--overwrite", is_flag=True, help="Replace existing results."
)

pixel_size_option: Decorator = click.option(
    "--pixel-size",
    "pixel_size_um",
    type=click.FloatRange(min=0, min_open=True),
    help="Pixel size in micrometres, for slides whose files do not state it.",
)

preset_option: Decorator = click.option(
    "--preset",
    metavar="NAME",
    help="Network architecture, as listed by `hrpn-tf models` (default: hrpn-m).",
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
