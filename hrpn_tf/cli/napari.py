"""``hrpn-tf napari``: open slides in napari, with the dock of the plugin."""

from pathlib import Path

import click


@click.command("napari")
@click.argument("slides", nargs=-1, type=click.Path(path_type=Path), metavar="[SLIDE|FOLDER]...")
def command(slides: tuple[Path, ...]) -> None:
    """Open slides in napari, to predict what is seen of them, and to measure drawn regions.

    SLIDE is a file, or a folder with one TIFF per channel. FOLDER, or a pattern such as
    'slides/*.tif', stands for all slides in it. Pixels are read as they are shown.

    Needs napari: pip install 'hrpn-tf[napari]'. In a napari that is open, choose Plugins >
    napari-hrpn instead.
    """
    from hrpn_tf.napari_plugin.start import open_napari

    open_napari(slides)
