"""Cuts a slide into a sharded array of patches."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hrpn_tf.config import DataConfig
from hrpn_tf.data.grid import patch_grid, tissue_shares
from hrpn_tf.data.levels import read_levels
from hrpn_tf.data.manifest import SlideRecord
from hrpn_tf.data.picture import draw_picture, save_picture
from hrpn_tf.data.plan import PlannedSlide
from hrpn_tf.data.shards import PatchWriter
from hrpn_tf.data.tissue import (
    block_side,
    lies_within_tissue,
    read_blocks,
    tissue_mask,
    tissue_moments,
)
from hrpn_tf.errors import NoTissueError
from hrpn_tf.files import sync_all
from hrpn_tf.progress import Progress
from hrpn_tf.slides import Slide, open_slide

PICTURE = "picture.png"  # beside the patches of a slide
SPAN = 4096  # px; patches of one row that lie within this are read from the slide together


def cut_slide(plan: PlannedSlide, config: DataConfig, folder: Path, progress: bool) -> SlideRecord:
    """Write the patches of one slide to ``folder/patches``, draw and describe them.

    They are on the disk when this returns, before anything says that the slide is finished.

    Raises:
        NoTissueError: no patch of the slide is kept.
        ConstantChannelError: an input that is to be normalised does not vary.
    """
    roles, entry = (*config.inputs, config.target), plan.entry
    height, width = plan.info.height, plan.info.width
    inputs = len(config.inputs)
    with open_slide(entry.path, z=config.z) as slide:
        side = block_side(config.tissue.scale_um, plan.pixel_size_um)
        blocks = read_blocks(slide, plan.channels, side, f"{entry.name} tissue", progress)
        mask = tissue_mask(blocks, inputs, config.tissue)
        levels = None
        if config.normalisation == "slide":
            levels = read_levels(slide, plan.channels[:inputs], config.inputs, mask, side)
        corners = patch_grid(height, width, config.patch, config.stride, config.edge)
        shares = tissue_shares(mask, side, height, width, corners, config.patch)
        wanted = shares >= config.tissue.min_share
        corners, shares = corners[wanted], shares[wanted]
        bar = Progress(entry.name, len(corners), "patch", shown=progress)
        shape = (config.patch, config.patch, len(roles))
        with bar, PatchWriter(folder / "patches", len(corners), shape, plan.info.dtype) as out:
            for rows in spans(corners, config.patch):
                pixels = read_span(slide, plan.channels, corners[rows], config.patch)
                for row, patch in zip(rows, pixels, strict=True):
                    if patch[..., :inputs].any():  # the published rule: black patches are dropped
                        out.append(patch, int(row))
                bar.update(len(rows))
    if not out.kept:
        raise NoTissueError(
            f"{entry.path}: no patch holds tissue (method {config.tissue.method}, least share "
            f"{config.tissue.min_share:g}); check the channels, lower data.tissue.min_share, or "
            "set data.tissue.method=all"
        )
    kept = corners[out.kept]
    image = draw_picture(blocks, mask, kept, config.patch, (height, width), config.inputs)
    save_picture(folder / PICTURE, image)
    sync_all(folder)
    grey = blocks.mean[..., :inputs].mean(axis=-1)
    return SlideRecord(
        name=entry.name,
        group=entry.group,
        path=str(entry.path.resolve()),
        channels=dict(entry.channels),
        height=height,
        width=width,
        pixel_size_um=plan.pixel_size_um,
        tissue_share=float(blocks.count[mask].sum() / blocks.count.sum()),
        moments=dict(zip(roles, tissue_moments(blocks, mask), strict=True)),
        corners=tuple((int(y), int(x)) for y, x in kept),
        shares=tuple(round(float(share), 4) for share in shares[out.kept]),
        levels=levels,
        within_tissue=config.tissue.method == "otsu" and lies_within_tissue(grey),
    )


def spans(corners: np.ndarray, patch: int) -> Iterator[np.ndarray]:
    """Row numbers of ``corners`` (N, 2) that are worth one read: same y, near each other in x."""
    if not len(corners):
        return
    y, x = corners[:, 0], corners[:, 1]
    start = 0
    for row in range(1, len(corners) + 1):
        near = (
            row < len(corners)
            and y[row] == y[start]
            and x[row] - x[row - 1] <= patch
            and x[row] - x[start] + patch <= SPAN
        )
        if not near:
            yield np.arange(start, row)
            start = row


def read_span(
    slide: Slide, channels: tuple[int, ...], corners: np.ndarray, patch: int
) -> list[np.ndarray]:
    """Patches (patch, patch, C) at ``corners`` of one span, zero outside the slide."""
    (y, first), last = corners[0], corners[-1, 1]
    height = min(patch, slide.info.height - y)
    width = min(last + patch, slide.info.width) - first
    pixels = slide.read(int(y), int(first), int(height), int(width), channels)
    pad = ((0, patch - height), (0, last + patch - first - width), (0, 0))
    pixels = np.pad(pixels, pad)
    return [pixels[:, x - first : x - first + patch] for x in corners[:, 1]]
