"""``hrpn-tf init``: a start from a folder of files."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrpn_tf.cli.options import (
    config_options,
    overwrite_option,
    parse_channels,
    pixel_size_option,
    z_option,
    z_override,
)
from hrpn_tf.cli.show import show

if TYPE_CHECKING:
    from hrpn_tf.slides.depth import Depth

_SHOWN = 40  # warnings; a folder may hold thousands of unreadable files

logger = logging.getLogger(__name__)


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder to write to (default: the current one).",
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="ROLE=NAME",
    help="Channel that has a role in every slide, by name or index, e.g. qd=SpOrange; may be "
    "repeated (default: by the names of the channels).",
)
@click.option(
    "--pictures",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="Largest number of slides to look at; the others are listed without a picture.",
)
@pixel_size_option
@z_option("data.z of the configuration; stacks are refused without")
@config_options
@overwrite_option
def command(
    folder: Path,
    out: Path,
    channels: tuple[str, ...],
    pictures: int,
    pixel_size_um: float | None,
    z: "Depth | None",
    config_source: str | None,
    overrides: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Propose a slide list and a configuration for the images in FOLDER.

    Examines all images in FOLDER and its subfolders, and writes slides.csv (slides, animals,
    channels), hrpn.yaml (tissue, patch size), and a contact sheet with all doubts,
    contact-sheet.html and .png. Check the contact sheet, correct the files, and continue with:

        hrpn-tf prepare slides.csv --config hrpn.yaml --out patches

    Images that cannot be read are named and left out. Slides of another type or pixel size, or
    without the target, go to lists of their own, slides-2.csv, ...
    """
    from hrpn_tf.config import load_config
    from hrpn_tf.workflows.init.init import InitOptions, init_folder
    from hrpn_tf.workflows.init.summary import as_text

    config = load_config(config_source, (*overrides, *z_override(z)))
    options = InitOptions(parse_channels(channels), pixel_size_um, pictures, overwrite)
    result = init_folder(folder, out, config, options)
    show(as_text(result))
    for line in result.warnings[:_SHOWN]:
        logger.warning(line)
    if (more := len(result.warnings) - _SHOWN) > 0:
        logger.warning(f"and {more} more; {result.page} has them all")
