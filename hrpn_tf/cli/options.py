"""Options that several commands share, so that each reads the same everywhere."""

import json
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from hrpn_tf.errors import UsageError

if TYPE_CHECKING:
    from hrpn_tf.prediction import Region
    from hrpn_tf.slides.depth import Depth

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


def option_group(argument: str, collect: Callable[..., Any], *options: Decorator) -> Decorator:
    """Options whose values reach a command together, as one argument.

    Args:
        argument: name of the command's argument.
        collect: called with the values of the options by name; makes the argument.
        options: in the order in which ``--help`` shows them.

    Example:
        >>> from hrpn_tf.workflows.predict.options import Execution
        >>> workers = click.option("--workers", type=int, default=0)
        >>> group = option_group("execution", Execution, workers)
        >>> command = click.command()(group(lambda execution: print(execution.workers)))
        >>> command(["--workers", "3"], standalone_mode=False)
        3
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        names: list[str] = []

        @wraps(function)
        def command(**values: Any) -> Any:
            own = {name: values.pop(name) for name in names}
            return function(**values, **{argument: collect(**own)})

        # click notes the options of a command in this attribute of its function
        before = len(getattr(command, "__click_params__", ()))
        for option in reversed(options):
            option(command)
        names += [parameter.name for parameter in command.__click_params__[before:]]  # type: ignore[attr-defined]
        return command

    return decorate


def _start_overrides(origin: str | None, freeze: str | None) -> tuple[str, ...]:
    """Overrides of the configuration for a training that starts from another network."""
    own = () if origin is None else (f"training.start={json.dumps(origin)}",)
    return own if freeze is None else (*own, f"training.freeze={freeze}")


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

store_option: Decorator = click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Patch dataset of the run (default: the path recorded in the run).",
)

preset_option: Decorator = click.option(
    "--preset",
    metavar="NAME",
    help="Network architecture, as listed by `hrpn-tf models` (default: hrpn-m).",
)


def parse_region(text: str | None, option: str = "--region") -> "Region | None":
    """What ``--region``, or another option for a rectangle, says, px.

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
            f"{option} {text}: expected X,Y,WIDTH,HEIGHT in px, e.g. 0,0,4096,4096"
        ) from None
    return Region(y, x, height, width)


def z_option(default: str) -> Decorator:
    """``--z``: what is read of slides that are stacks of planes in depth."""
    return click.option(
        "--z",
        metavar="PLANE|max|mean",
        callback=lambda _, __, text: _parse_z(text),
        help="For stacks of focal planes: the plane to read, counted from 1, or max or mean of all "
        f"planes at each pixel (default: {default}).",
    )


def z_override(z: "Depth | None") -> tuple[str, ...]:
    """``--z`` as an override of the configuration."""
    return () if z is None else (f"data.z={z}",)


def _parse_z(text: str | None) -> "Depth | None":
    from hrpn_tf.slides.depth import parse_depth

    return None if text is None else parse_depth(text)


def parse_levels(text: str | None, option: str = "--contours") -> tuple[float, ...]:
    """Grey levels, separated by commas.

    Raises:
        UsageError: one is no number.

    >>> parse_levels("5,10.5"), parse_levels(None)
    ((5.0, 10.5), ())
    """
    try:
        return () if text is None else tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} {text}: give grey levels, such as 5,10,20") from None


def parse_channels(texts: Sequence[str]) -> dict[str, str]:
    """What ``--channel ROLE=NAME`` says, given any number of times.

    Raises:
        UsageError: one of them is no such text.

    Example:
        >>> parse_channels(["vessels=SpGreen", "nuclei=1"])
        {'vessels': 'SpGreen', 'nuclei': '1'}
    """
    found = {}
    for text in texts:
        role, equals, name = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--channel {text}: expected ROLE=NAME, e.g. vessels=SpGreen")
        found[role] = name
    return found


start_options: Decorator = option_group(
    "start",
    _start_overrides,
    click.option(
        "--from",
        "origin",
        metavar="RUN|BUNDLE|KERAS|NAME",
        type=click.Path(),  # for the completion of the shell
        help="Run, bundle or Keras file whose network the training starts from, or the name of "
        "weights, as listed by `hrpn-tf weights`; sets training.start, and its preset unless "
        "--preset is given.",
    ),
    click.option(
        "--freeze",
        type=click.Choice(["body"]),
        help="Train the first and last layers and the scales and offsets of normalisation alone, "
        "for very few slides; sets training.freeze.",
    ),
)
