"""``hrpn-tf predict``: predict whole slides."""

from pathlib import Path

import click

from hrpn_tf.cli.options import overwrite_option, pixel_size_option
from hrpn_tf.errors import UsageError
from hrpn_tf.workflows.predict_run import predict_run


@click.command("predict")
@click.argument("slides", nargs=-1, type=click.Path(path_type=Path), metavar="[SLIDE|LIST]...")
@click.option(
    "--run", "run", type=click.Path(path_type=Path), required=True, help="Folder of hrpn-tf fit."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the predicted slides, or a file *.ome.tif for one slide.  [RUN/predictions]",
)
@click.option(
    "--group", "groups", multiple=True, help="Of a slide list: only this group; may be repeated."
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="ROLE=NAME",
    help="Channel of an input in the file, by name or index, e.g. vessels=SpGreen.",
)
@click.option("--tile", type=click.IntRange(min=32), help="Largest side of a tile, px.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "uint16", "uint8"]),
    help="Type of the predicted grey levels; integers are rounded and clipped.",
)
@pixel_size_option
@overwrite_option
def command(
    slides: tuple[Path, ...],
    run: Path,
    out: Path | None,
    groups: tuple[str, ...],
    channels: tuple[str, ...],
    tile: int | None,
    dtype: str | None,
    pixel_size_um: float | None,
    overwrite: bool,
) -> None:
    """Predict slides with the best network of a run, by tiles, without seams.

    SLIDE is a file, or a folder with one TIFF per channel. LIST is a slide list (CSV or YAML), of
    which the groups that the run neither trained nor picked its checkpoint with are predicted.
    Without any, the run's own test slides are.
    """
    predict_run(
        run,
        slides=slides,
        groups=groups,
        out=out,
        channels=dict(_parse_channel(text) for text in channels),
        tile=tile,
        dtype=dtype,
        pixel_size_um=pixel_size_um,
        overwrite=overwrite,
        say=click.echo,
    )


def _parse_channel(text: str) -> tuple[str, str]:
    role, equals, name = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--channel {text}: expected ROLE=NAME, e.g. vessels=SpGreen")
    return role, name
