"""Checks of the slides before any pixel is read: sizes, types, channels, pixel sizes."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hrpn_tf.config import DataConfig
from hrpn_tf.data.slide_list import SlideEntry
from hrpn_tf.errors import PixelSizeError, SlideListError, SlideTooSmallError
from hrpn_tf.slides import SlideInfo, open_slide
from hrpn_tf.slides.checks import checked_pixel_size, role_channels
from hrpn_tf.slides.file_states import parts, state_of
from hrpn_tf.slides.names import refuse_bad_name

# Keys of the section `data` that a training chooses anew on the same patches.
OF_TRAINING = frozenset({"split", "augmentation"})
PIXEL_SIZE_TOLERANCE = 0.1  # largest relative difference between slides of one store


@dataclass(frozen=True)
class PlannedSlide:
    """A slide that can be cut: its channels as indices in role order, its pixel size in um."""

    entry: SlideEntry
    info: SlideInfo
    channels: tuple[int, ...]
    pixel_size_um: float


def plan_slides(entries: Sequence[SlideEntry], config: DataConfig) -> tuple[PlannedSlide, ...]:
    """Open every slide once and check that the slides fit each other and the patch size.

    Raises:
        SlideTooSmallError: a slide is smaller than a patch and ``edge`` does not pad.
        PixelSizeError: a slide states no pixel size or an implausible one and the configuration
            gives none, the two contradict each other, or two slides differ by more than 10 %.
        SlideListError: slides differ in type, so that their grey levels cannot be compared.
        UsageError: a slide has one channel for two roles, a channel of another role by its name,
            or a name that no file can have.
        HrpnError: a slide cannot be read, or has no channel of the name.
    """
    slides = tuple(_plan_slide(entry, config) for entry in entries)
    finest = min(slides, key=lambda slide: slide.pixel_size_um)
    coarsest = max(slides, key=lambda slide: slide.pixel_size_um)
    if coarsest.pixel_size_um > finest.pixel_size_um * (1 + PIXEL_SIZE_TOLERANCE):
        raise PixelSizeError(
            f"pixel sizes differ by more than 10 %: {finest.entry.path} has "
            f"{finest.pixel_size_um:g} um, {coarsest.entry.path} has "
            f"{coarsest.pixel_size_um:g} um; resample one of them or leave it out"
        )
    first = slides[0]
    for slide in slides[1:]:
        if slide.info.dtype != first.info.dtype:
            raise SlideListError(
                f"{slide.entry.path} is {slide.info.dtype}, {first.entry.path} is "
                f"{first.info.dtype}: grey levels of different types cannot be trained on together"
            )
    return slides


def owned_settings(config: DataConfig) -> dict[str, Any]:
    """The settings that shape the patches, as plain values; a training cannot change them."""
    plain = {"normalisation", "reference"} if config.normalisation == "none" else set()
    if config.z is None:
        plain.add("z")
    # left out where they say nothing, so that older patch datasets are still the same
    return config.model_dump(mode="json", exclude={*OF_TRAINING, *plain})


def fingerprint(slides: Sequence[PlannedSlide], config: DataConfig) -> str:
    """SHA-256 over all that decides the patches: files (size, time), channels, grid, tissue."""
    # the range says what grey levels mean, not which are stored
    left_out = ("channels", "grey_max")
    settings = {k: value for k, value in owned_settings(config).items() if k not in left_out}
    described = [
        (slide.entry.name, slide.entry.group, slide.channels,
         [(str(part.resolve()), state_of(part)) for part in parts(slide.info)])
        for slide in slides
    ]  # fmt: skip
    text = json.dumps([settings, described], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plan_slide(entry: SlideEntry, config: DataConfig) -> PlannedSlide:
    refuse_bad_name(entry.name)
    with open_slide(entry.path, z=config.z) as slide:
        info = slide.info
    roles = (*config.inputs, config.target)
    channels = role_channels(info, roles, entry.channels)
    if config.edge != "pad" and min(info.height, info.width) < config.patch:
        raise SlideTooSmallError(
            f"{entry.path}: {info.height} x {info.width} px is smaller than one patch of "
            f"{config.patch} px; lower data.patch, or set data.edge=pad"
        )
    pixel_size_um = checked_pixel_size(info, config.pixel_size_um)
    return PlannedSlide(entry, info, channels, pixel_size_um)
