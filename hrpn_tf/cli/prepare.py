"""``hrpn-tf prepare``: cut slides into a patch dataset."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrpn_tf.cli.options import (
    config_options,
    out_option,
    overwrite_option,
    pixel_size_option,
    z_option,
    z_override,
)
from hrpn_tf.cli.show import show
from hrpn_tf.config import load_config
from hrpn_tf.text import printable

if TYPE_CHECKING:
    from hrpn_tf.data.store import PatchStore
    from hrpn_tf.slides.depth import Depth

logger = logging.getLogger(__name__)


@click.command("prepare")
@click.argument(
    "slides", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="LIST|FOLDER..."
)
@out_option("Patch dataset to write (a folder).")
@config_options
@pixel_size_option
@z_option("data.z of the configuration; stacks are refused without")
@overwrite_option
def command(
    slides: tuple[Path, ...],
    out: Path,
    config_source: str | None,
    overrides: tuple[str, ...],
    pixel_size_um: float | None,
    z: "Depth | None",
    overwrite: bool,
) -> None:
    """Cut the slides of a list (LIST, CSV or YAML) into a patch dataset.

    The list has the columns 'slide' (path, relative to the list) and 'group' (the animal), and
    optionally 'name' and one column per role that names its channel. For a FOLDER, a pattern such
    as 'slides/*.tif', or several slides, a list is proposed as by hrpn-tf init, with warnings about
    doubts. After an interruption, the same command resumes at the first unfinished slide.
    """
    from hrpn_tf.data.building import build_store
    from hrpn_tf.workflows.init.entries import entries_of

    _warn_of_training_settings(overrides)
    if pixel_size_um is not None:
        overrides = (*overrides, f"data.pixel_size_um={pixel_size_um}")
    config = load_config(config_source, (*overrides, *z_override(z))).data
    store = build_store(entries_of(slides, config, progress=True), config, out, overwrite)
    show(summary(store))


def _warn_of_training_settings(overrides: tuple[str, ...]) -> None:
    """Say of settings that do not shape patches that they are lost here."""
    from hrpn_tf.data.plan import OF_TRAINING

    of_training = tuple(f"data.{key}" for key in sorted(OF_TRAINING))
    for override in overrides:
        if not override.startswith("data.") or override.startswith(of_training):
            logger.warning(f"--set {override}: has no effect on patches; give it to hrpn-tf fit")


def summary(store: "PatchStore") -> str:
    """A short table of the slides, and where the patch dataset is."""
    rows = [("slide", "group", "size, px", "um/px", "tissue", "patches")]
    rows += [
        (
            printable(slide.name),
            printable(slide.group),
            f"{slide.height} x {slide.width}",
            f"{slide.pixel_size_um:.3g}",
            f"{slide.tissue_share:.0%}",
            str(len(slide.corners)),
        )
        for slide in store.manifest.slides
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.append(
        f"{len(store)} patches of {store.patch} x {store.patch} px, {', '.join(store.roles)} "
        f"({store.dtype}): {store.path}"
    )
    lines += _brightness(store)
    return "\n".join(lines)


def _brightness(store: "PatchStore") -> list[str]:
    """How far the slides differ in brightness, and the setting that trains over that range."""
    from hrpn_tf.data.brightness import are_alike, brightness_ranges, jitter_over
    from hrpn_tf.data.normalisation import is_normalised

    if is_normalised(store.manifest):  # they are evened out
        return []
    ranges = brightness_ranges(store.manifest.slides, store.roles[:-1])
    if are_alike(ranges):
        return []
    said = ", ".join(f"{role} {low:.3g} to {high:.3g}" for role, (low, high) in ranges.items())
    text = (
        f"mean over tissue relative to the median slide: {said}; to even it out, prepare again "
        "with --set data.normalisation=slide"
    )
    if (jitter := jitter_over(ranges)) is not None:
        text += f"; to train over it, fit with --set data.augmentation.gain_jitter={jitter:g}"
    return [text]
