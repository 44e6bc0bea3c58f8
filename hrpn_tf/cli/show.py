"""What a command prints on standard output: its result."""

import io
import sys

import click

from hrpn_tf.console import encodable
from hrpn_tf.text import printable_lines


def show(text: str) -> None:
    """Print the lines of a result.

    Names of slides, channels and groups stand in it, so nothing in it acts on the terminal, and
    what the encoding of the terminal cannot show is escaped.
    """
    click.echo(encodable(printable_lines(text), sys.stdout), file=sys.stdout)


def replace_unprintable() -> None:
    """Let standard output and error escape what their encoding cannot show, rather than raise."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
