"""``hrpn-tf weights``: trained networks that are known by a name."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrpn_tf.cli.options import overwrite_option
from hrpn_tf.cli.show import show
from hrpn_tf.errors import UsageError

if TYPE_CHECKING:
    from hrpn_tf.weights import Catalogue, WeightsEntry

_HEADING = ("name", "preset", "channels", "um/px", "MB", "here", "licence", "")


@click.command("weights")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--json", "as_json", is_flag=True, help="Print the list, or NAME's entry, as JSON.")
@click.option("--add", metavar="NAME", help="Fetch these weights into a folder of yours.")
@click.option(
    "--url",
    help="With --add: address of their zip, https:// or file:// (default: the one that hrpn-tf "
    "knows).",
)
@click.option(
    "--sha256",
    "checksum",
    metavar="HEX",
    help="With --url: SHA-256 of the zip, as its owner published it; required.",
)
@overwrite_option
def command(
    name: str | None,
    as_json: bool,
    add: str | None,
    url: str | None,
    checksum: str | None,
    overwrite: bool,
) -> None:
    """List the weights that are known, or show the card of NAME.

    Weights are trained networks: predict SLIDE --weights NAME gives a first look without any
    training, and fit --from NAME starts a training from them. Nothing is fetched without --add and
    a known checksum. Fetched weights lie in ~/.local/share/hrpn-tf/weights, or in the folder named
    by the variable HRPN_TF_WEIGHTS.
    """
    from hrpn_tf.weights import Catalogue

    catalogue = Catalogue()
    if add is not None:
        if name is not None:
            raise UsageError(f"{name}: --add names the weights already")
        _add(add, url, checksum, catalogue, overwrite)
        return
    for option, given in (("--url", url), ("--sha256", checksum), ("--overwrite", overwrite)):
        if given:
            raise UsageError(f"{option}: is for --add, which was not given")
    if name is not None:
        show(_one(name, catalogue, as_json))
    elif as_json:
        entries = [_plain(entry, catalogue) for entry in catalogue.entries.values()]
        show(json.dumps(entries, indent=2))
    else:
        show(_listed(catalogue))


def _add(
    name: str, url: str | None, checksum: str | None, catalogue: "Catalogue", overwrite: bool
) -> None:
    from hrpn_tf.weights.fetching import fetch_weights

    folder = fetch_weights(name, url, checksum, catalogue=catalogue, overwrite=overwrite)
    entry = replace(catalogue).entry(name)  # reads them anew
    show(f"{folder}: {entry.description} ({entry.licence}); its card: hrpn-tf weights {name}")


def _one(name: str, catalogue: "Catalogue", as_json: bool) -> str:
    """The card of weights, or what is known of those that are not on this machine."""
    entry = catalogue.entry(name)
    if as_json:
        return json.dumps(_plain(entry, catalogue), indent=2)
    if (card := catalogue.card(name)) is not None:
        return f"{card.rstrip()}\n\nFolder: {catalogue.folder(name)}"
    return (
        f"{_table([_HEADING, _row(entry, catalogue)])}\n\nnot on this machine; fetch it with: "
        f"hrpn-tf weights --add {name}"
    )


def _listed(catalogue: "Catalogue") -> str:
    rows = [_row(entry, catalogue) for entry in catalogue.entries.values()]
    if not rows:
        return (
            "no weights are known: this hrpn-tf comes without any; fetch some with: hrpn-tf "
            "weights --add NAME --url URL --sha256 HEX"
        )
    return _table([_HEADING, *rows])


def _row(entry: "WeightsEntry", catalogue: "Catalogue") -> tuple[str, ...]:
    low, high = entry.pixel_sizes_um
    return (
        entry.name,
        entry.preset,
        f"{', '.join(entry.inputs)} -> {', '.join(entry.outputs)}",
        f"{low:g} to {high:g}",
        f"{entry.bytes / 1e6:.1f}",
        "no" if catalogue.folder(entry.name) is None else "yes",
        entry.licence,
        entry.description,
    )


def _plain(entry: "WeightsEntry", catalogue: "Catalogue") -> dict[str, Any]:
    folder: Path | None = catalogue.folder(entry.name)
    return {
        **entry.to_json(),
        "installed": folder is not None,
        "folder": None if folder is None else str(folder),
    }


def _table(rows: list[tuple[str, ...]]) -> str:
    """Columns padded to their widest entry."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
