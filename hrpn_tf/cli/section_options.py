"""Command-line options made from a section of the configuration: one for each of its keys.

The name, type, limits, default and meaning of an option are those of the key, so a new key is an
option, too, and nothing is stated twice.
"""

import re
from collections.abc import Callable
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from hrpn_tf.config.section import Section

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def section_options(section: type[Section]) -> list[Decorator]:
    """An option for each key of a section without sections of its own, in the order of the keys.

    The value of an option is None unless the user states it, so that the configuration decides.

    Args:
        section: e.g. ``PredictionConfig``, whose ``max_ram`` becomes ``--max-ram``.

    Example:
        >>> from hrpn_tf.config import PredictionConfig
        >>> command = click.command()(lambda **values: print(values["tile"], values["resample"]))
        >>> for option in section_options(PredictionConfig):
        ...     command = option(command)
        >>> command(["--tile", "512", "--no-resample"], standalone_mode=False)
        512 False
    """
    return [_option(name, field, section) for name, field in section.model_fields.items()]


def _option(name: str, field: FieldInfo, section: type[Section]) -> Decorator:
    flag, text = _flag(name), _help(name, field, section)
    if field.annotation is bool:
        return click.option(f"{flag}/{_no(name)}", name, default=None, help=text)
    return click.option(flag, name, default=None, type=_type(field), help=text)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _no(name: str) -> str:
    return f"--no-{name.replace('_', '-')}"


def _type(field: FieldInfo) -> click.ParamType | None:
    """The type that click checks; text for what only the configuration can check."""
    kinds = [kind for kind in _kinds(field.annotation) if kind is not NoneType]
    if get_origin(kinds[0]) is Literal:
        return click.Choice([str(value) for value in get_args(kinds[0])])
    least = next((each.ge for each in field.metadata if hasattr(each, "ge")), None)
    if kinds == [int]:
        return click.IntRange(min=least) if least is not None else click.INT
    return click.FLOAT if kinds == [float] else None


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if NoneType in get_args(annotation) else (annotation,)


def _help(name: str, field: FieldInfo, section: type[Section]) -> str:
    """The meaning of the key in the words of a command line."""
    text = field.description or ""
    text = re.sub("`null` (takes|is)", "The default is", text)
    text = text.replace("`false`", _no(name))
    for other in section.model_fields:
        text = text.replace(f"`{other}`", _flag(other))
    text = text.replace("`", "")
    if field.default is None:
        return text
    default = {True: "yes", False: "no"}.get(field.default, field.default)
    return f"{text.removesuffix('.')} (default: {default})."
