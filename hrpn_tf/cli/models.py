"""``hrpn-tf models``: the presets and what each costs."""

import json
from dataclasses import asdict

import click

from hrpn_tf.cli.show import show
from hrpn_tf.console import load_tensorflow
from hrpn_tf.models.presets import list_presets


@click.command("models")
@click.option(
    "--inputs", type=click.IntRange(min=1), default=2, help="Number of input channels (default: 2)."
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    default=512,
    help="Side of the square input, in pixels (default: 512).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def command(inputs: int, size: int, as_json: bool) -> None:
    """List the networks and what they cost.

    GMAC: 10^9 multiply-accumulate operations for one input of --size, rounded up to the stride
    multiple. Field: side of the input square that one output pixel depends on. Multiple: sides of
    an input must be multiples of it. Tiles: whether a slide predicted by tiles is exact.
    """
    load_tensorflow()
    from hrpn_tf.models.cost import preset_cost

    figures = [preset_cost(preset, inputs, size) for preset in list_presets()]
    if as_json:
        show(json.dumps([asdict(each) for each in figures], indent=2))
        return
    heading = ("preset", "parameters", "GMAC", "field px", "multiple px", "tiles", "")
    rows = [
        (
            each.name,
            f"{each.parameters:,}",
            f"{each.gmac:.2f}",
            "all" if each.receptive_field is None else str(each.receptive_field),
            str(each.stride_multiple),
            "exact" if each.tile_exact else "seams",
            each.description,
        )
        for each in figures
    ]
    show(_table([heading, *rows]))


def _table(rows: list[tuple[str, ...]]) -> str:
    """Columns padded to their widest entry; the first and last to the left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *middle, last in rows:
        cells = [first.ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(middle, widths[1:-1], strict=True)]
        lines.append("  ".join([*cells, last]).rstrip())
    return "\n".join(lines)
