"""``hrpn-tf permeability``: the strength of each vessel that explains a measured target."""

from pathlib import Path
from typing import Any

import click

from hrpn_tf.cli.options import (
    option_group,
    out_option,
    overwrite_option,
    parse_channels,
    pixel_size_option,
)
from hrpn_tf.cli.show import show
from hrpn_tf.workflows.permeability.options import PermeabilityOptions


def _collected(channels: tuple[str, ...], **values: Any) -> PermeabilityOptions:
    return PermeabilityOptions(channels=parse_channels(channels), **values)


_options = option_group(
    "options",
    _collected,
    click.option(
        "--target",
        metavar="ROLE",
        help="Role, or name, of the measured channel (default: that of the configuration, qd).",
    ),
    click.option(
        "--channel",
        "channels",
        multiple=True,
        metavar="ROLE=NAME",
        help="Name or number of the channel of a role; may be repeated.",
    ),
    click.option(
        "--vessel-mask",
        metavar="FILE",
        help="Image with non-zero vessel pixels, walls and lumens; {slide} stands for the slide's "
        "name (default: threshold of the vessel channel, with lumens).",
    ),
    click.option(
        "--length",
        "length_um",
        type=float,
        help="Diffusion length in µm, if it is known (default: it is fitted).",
    ),
    click.option(
        "--cell",
        "cell_um",
        type=float,
        default=4.0,
        help="Side of a cell of the transport model, µm (default: 4).",
    ),
    click.option(
        "--piece",
        "piece_um",
        type=float,
        default=25.0,
        help="Distance of the pieces that long vessels are fitted in, µm (default: 25).",
    ),
    click.option(
        "--plasma-level",
        type=float,
        help="Intensity that the concentration in the plasma would have, if it is known; adds P/D "
        "of each vessel, corrected for backflow.",
    ),
    pixel_size_option,
    click.option(
        "--parquet/--no-parquet",
        default=None,
        help="Whether to write the table as Parquet, too (default: if pyarrow is installed).",
    ),
    click.option(
        "--config",
        metavar="FILE|RECIPE",
        help="Configuration that names inputs and target (default: the built-in values).",
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Configuration value to override, spatial.*, evaluation.* or data.*; may be repeated.",
    ),
)


@click.command("permeability")
@click.argument("path", type=click.Path(path_type=Path), metavar="SLIDE")
@out_option("Folder for table, page and figures.")
@_options
@overwrite_option
def command(path: Path, out: Path, options: PermeabilityOptions, overwrite: bool) -> None:
    """Fit how strongly each vessel leaks, from a slide with a measured target.

    Diffusion and uptake, as in the simulator, spread what leaves the vessels. The strengths that
    explain the picture best are found together with the diffusion length.

    Strengths are ratios between the vessels of a slide. An absolute permeability cannot be told
    from a picture: it takes dose, plasma concentration over time and the diffusion coefficient.
    """
    from hrpn_tf.evaluation.permeability.report import facts
    from hrpn_tf.evaluation.tables import aligned
    from hrpn_tf.workflows.permeability.permeability import fit_permeability

    fitted = fit_permeability(path, out, options=options, overwrite=overwrite)
    rows = [["slide", fitted.slide.name], *map(list, facts(fitted.slide))]
    show(aligned([["", "value"], *rows], left=2))
    show("Strengths are ratios; absolute permeability needs dose and time.")
    show(f"{fitted.folder}: permeability.html, permeability.json, vessels.csv, maps.png, ...")
