"""``hrpn-tf inspect``: what is understood of a slide."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrpn_tf.cli.options import overwrite_option, z_option
from hrpn_tf.cli.show import show
from hrpn_tf.errors import HrpnError, SomeSlidesFailedError, UsageError

if TYPE_CHECKING:
    from hrpn_tf.slides.depth import Depth

logger = logging.getLogger(__name__)


@click.command("inspect")
@click.argument(
    "slides", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SLIDE|FOLDER..."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Path of the thumbnail, a PNG file (default: SLIDE.thumbnail.png in the current folder).",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON; of several slides, a list."
)
@z_option("stacks are refused")
@overwrite_option
def command(
    slides: tuple[Path, ...], out: Path | None, as_json: bool, z: "Depth | None", overwrite: bool
) -> None:
    """Show how a slide is read: size, channels, pixel size; and write a thumbnail.

    SLIDE is a file, or a folder with one TIFF per channel. FOLDER, or a pattern such as
    'slides/*.tif', stands for all slides in it. Roles are suggested by the names of the
    channels; the last line gives them as options for hrpn-tf predict.
    """
    from hrpn_tf.slides.finding import slides_of
    from hrpn_tf.workflows.inspect.slide import SlideReport, inspect_slide
    from hrpn_tf.workflows.inspect.summary import as_dict, as_text

    paths = slides_of(slides, progress=True, z=z)
    if len(paths) == 1:
        report = inspect_slide(paths[0], out, overwrite, z)
        show(json.dumps(as_dict(report), indent=2) if as_json else as_text(report))
        _warn(paths[0], report.remarks)
        return
    if out is not None:
        raise UsageError(f"--out {out} is one file, for {len(paths)} slides; leave it out")
    reports: list[SlideReport] = []
    failed: list[Path] = []
    for path in paths:
        try:
            report = inspect_slide(path, None, overwrite, z)
        except HrpnError as error:
            logger.warning(str(error))
            failed.append(path)
            continue
        if not as_json:
            show(f"{as_text(report)}\n")
        _warn(path, report.remarks)
        reports.append(report)
    if as_json:
        show(json.dumps([as_dict(report) for report in reports], indent=2))
    if failed:
        raise SomeSlidesFailedError(
            f"{len(failed)} of {len(paths)} slides cannot be read, each for the reason above"
        )


def _warn(slide: Path, remarks: tuple[str, ...]) -> None:
    for text in remarks:
        logger.warning(f"{slide}: {text.removeprefix(f'{slide}: ')}")
