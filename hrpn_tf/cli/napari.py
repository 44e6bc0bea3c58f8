"""``hrpn-tf napari``: open slides in napari, with the dock of the plugin."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrpn_tf.cli.options import z_option

if TYPE_CHECKING:
    from hrpn_tf.slides.depth import Depth


@click.command("napari")
@click.argument("slides", nargs=-1, type=click.Path(path_type=Path), metavar="[SLIDE|FOLDER]...")
@z_option("stacks are refused")
def command(slides: tuple[Path, ...], z: "Depth | None") -> None:
    """Open slides in napari, to predict what is seen of them, and to measure drawn regions.

    SLIDE is a file, or a folder with one TIFF per channel. FOLDER, or a pattern such as
    'slides/*.tif', stands for all slides in it. Pixels are read as they are shown.

    Needs napari: pip install 'hrpn-tf[napari]'. In a napari that is open, choose Plugins >
    napari-hrpn instead.
    """
    from hrpn_tf.napari_plugin.start import open_napari

    open_napari(slides, z)
