"""``hrpn-tf inspect``: what is understood of a slide."""

import json
import logging
from pathlib import Path

import click

from hrpn_tf.cli.options import overwrite_option
from hrpn_tf.cli.show import show

logger = logging.getLogger(__name__)


@click.command("inspect")
@click.argument("slide", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Path of the thumbnail, a PNG file (default: SLIDE.thumbnail.png in the current folder).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@overwrite_option
def command(slide: Path, out: Path | None, as_json: bool, overwrite: bool) -> None:
    """Print what is understood of a slide, and write a thumbnail.

    SLIDE is a file, or a folder with one TIFF per channel. The roles are suggestions from the
    channels' names; the last line has them as options for hrpn-tf predict.
    """
    from hrpn_tf.workflows.inspect.slide import inspect_slide
    from hrpn_tf.workflows.inspect.summary import as_dict, as_text

    report = inspect_slide(slide, out, overwrite)
    show(json.dumps(as_dict(report), indent=2) if as_json else as_text(report))
    for text in report.remarks:
        logger.warning(f"{slide}: {text.removeprefix(f'{slide}: ')}")
