"""Open the slides of a run as planes for an evaluation."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.config import Config
from hrpn_tf.errors import SlideMismatchError
from hrpn_tf.evaluation import ChannelPlane, MaskPlane, MeasuredSlide, Plane
from hrpn_tf.prediction.provenance_match import ExpectedInput, mismatch
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import Slide, SlideInfo, channel_index, open_slide
from hrpn_tf.slides.checks import recorded_pixel_size, role_channels, same_pixel_size
from hrpn_tf.slides.resample import ResampledSlide


@dataclass(frozen=True)
class StoredTypePlane(ChannelPlane):
    """A channel of a resampled slide, whose intensities are those of the stored type.

    Attributes:
        stored: type of the channel in the file; what is read is float32.
    """

    stored: np.dtype

    @property
    def dtype(self) -> np.dtype:
        """Type of the stored grey levels."""
        return self.stored


@dataclass(frozen=True)
class OpenedRoles:
    """Some channels of a slide, in the pixels of its prediction.

    Attributes:
        planes: grey levels by role.
        opened: the open slide.
        pixel_size_um: side length of a pixel, um.
    """

    planes: Mapping[str, ChannelPlane]
    opened: Slide
    pixel_size_um: float


@contextmanager
def opened_roles(
    slide: RunSlide, config: Config, predicted: SlideInfo | None = None, *, target: bool
) -> Iterator[OpenedRoles]:
    """The inputs of a slide as planes, and with ``target`` the measured target, too.

    Args:
        slide: the slide.
        config: of the run.
        predicted: description of the predicted slide. If it has another pixel size, the slide is
            resampled to it, by the mean over the area of each of its pixels.
        target: whether the slide has to have the target.

    Raises:
        PixelSizeError: neither the file nor the run states a pixel size, or an absurd one.
        UnknownChannelError, UsageError: the slide lacks a channel, or channels are mixed up.
        SlideMismatchError: the prediction has another pixel size, but does not cover the slide.
    """
    with open_slide(slide.path, z=config.data.z) as original:
        stored, find = original.info.dtype, all_channels if target else input_channels
        channels = find(original.info, slide, config)
        size = recorded_pixel_size(original.info, slide.pixel_size_um)
        opened = _on_pixels_of(predicted, original, size)
        planes = {role: _plane(opened, index, stored) for role, index in channels.items()}
        final = opened.info.pixel_size_um
        yield OpenedRoles(planes, opened, size if final is None else final)


@contextmanager
def measured_slide(
    slide: RunSlide, config: Config, predicted: SlideInfo | None = None
) -> Iterator[tuple[MeasuredSlide, Slide]]:
    """A slide of the run with its channels as planes, and the open slide.

    Args and errors as of :func:`opened_roles`.
    """
    with opened_roles(slide, config, predicted, target=True) as found:
        vessels, target = config.evaluation.vessel_role, config.data.target
        yield (
            MeasuredSlide(
                name=slide.name,
                group=slide.group,
                subset=slide.subset,
                inputs={role: found.planes[role] for role in config.data.inputs},
                target_role=target,
                target=found.planes[target],
                vessel_role=vessels if vessels in config.data.inputs else None,
                pixel_size_um=found.pixel_size_um,
            ),
            found.opened,
        )


def check_prediction(
    prediction: Path, slide: RunSlide, config: Config, *, target: bool = True
) -> None:
    """Refuse a prediction of another slide, or from other channels.

    Args:
        prediction: the predicted slide.
        slide: the slide that it should be of.
        config: of the run.
        target: whether the slide has to have the measured target, too.

    Raises:
        SlideMismatchError: says what it is of instead.
        UnknownChannelError, UsageError: the slide lacks a channel, or channels are mixed up.
    """
    with open_slide(slide.path, z=config.data.z) as opened:
        info = opened.info
    channels = (all_channels if target else input_channels)(info, slide, config)
    names = {role: info.channels[channels[role]] for role in config.data.inputs}
    found = mismatch(prediction, ExpectedInput(slide.path, info.files, names, depth=info.depth))
    if found is not None:
        raise SlideMismatchError(
            f"{prediction}: {found}; predict {slide.path} with --overwrite, or name another folder "
            "with --predictions"
        )


@dataclass(frozen=True)
class Resampled:
    """How a measured slide was brought to the pixels of its prediction.

    Attributes:
        from_um, to_um: pixel sizes of slide and prediction, um.
    """

    from_um: float
    to_um: float

    @property
    def method(self) -> str:
        """How a pixel is made; see ``ResampledSlide``."""
        return "area mean" if self.to_um > self.from_um else "linear interpolation"

    def __str__(self) -> str:
        return f"{self.from_um:g} um/px, resampled to {self.to_um:g} um/px ({self.method})"

    def to_json(self) -> dict[str, float | str]:
        """As plain values."""
        return {"from_um": self.from_um, "to_um": self.to_um, "method": self.method}


def resampled(slide: RunSlide, prediction: Path, config: Config) -> Resampled | None:
    """How a slide is resampled for the comparison with its prediction; None if it is not."""
    with open_slide(slide.path, z=config.data.z) as opened, open_slide(prediction) as predicted:
        size, wanted = recorded_pixel_size(opened.info, slide.pixel_size_um), predicted.info
    if wanted.pixel_size_um is None or same_pixel_size(wanted.pixel_size_um, size):
        return None
    return Resampled(size, wanted.pixel_size_um)


def all_channels(info: SlideInfo, slide: RunSlide, config: Config) -> dict[str, int]:
    """Indices in the file of the inputs and the target, by role.

    Raises:
        UnknownChannelError, UsageError: see ``role_channels``.
    """
    roles = (*config.data.inputs, config.data.target)
    return dict(zip(roles, role_channels(info, roles, slide.channels), strict=True))


def input_channels(info: SlideInfo, slide: RunSlide, config: Config) -> dict[str, int]:
    """Indices in the file of the inputs, by role; the slide need not have the target.

    Raises:
        UnknownChannelError, UsageError: see ``role_channels``.
    """
    roles, others = config.data.inputs, (config.data.target,)
    return dict(zip(roles, role_channels(info, roles, slide.channels, others), strict=True))


def predicted_plane(predicted: Slide, config: Config) -> ChannelPlane:
    """The channel of a predicted slide that holds the target.

    Raises:
        UnknownChannelError: several channels, none of which has the name of the target.
    """
    one = len(predicted.info.channels) == 1
    return ChannelPlane(predicted, 0 if one else channel_index(predicted.info, config.data.target))


def tissue_plane(
    opened: Slide, slide: RunSlide, pixel_size_um: float, config: Config
) -> Plane | None:
    """Tissue mask of a slide, as for training; None if every pixel counts as tissue."""
    from hrpn_tf.data.tissue import block_side, read_tissue

    tissue = config.data.tissue
    if tissue.method == "all":
        return None
    channels = list(input_channels(opened.info, slide, config).values())
    side = block_side(tissue.scale_um, pixel_size_um)
    mask = read_tissue(opened, channels, side, tissue)
    return MaskPlane(opened.info.height, opened.info.width, mask, side)


def _on_pixels_of(predicted: SlideInfo | None, slide: Slide, size: float) -> Slide:
    """The slide in the pixels of its prediction, and with the pixel size that counts."""
    own = slide.info
    wanted = None if predicted is None else predicted.pixel_size_um
    if predicted is None or wanted is None or same_pixel_size(wanted, size):
        return slide if own.pixel_size_um == size else ResampledSlide(slide, 0, 1.0, size)
    shape = (predicted.height, predicted.width)
    # full resolution first; the size of a level, and so of its prediction, may be rounded otherwise
    for level, factor in enumerate(own.levels):
        ratio = wanted / (size * factor)
        seen = ResampledSlide(slide, level, ratio, wanted)
        if (seen.info.height, seen.info.width) == shape:
            return seen
    raise SlideMismatchError(
        f"{predicted.path}: {shape[0]} x {shape[1]} px of {wanted:g} um/px, but the measured slide "
        f"has {size:g} um/px and {own.height} x {own.width} px, which is another area; predict the "
        "whole slide"
    )


def _plane(opened: Slide, channel: int, stored: np.dtype) -> ChannelPlane:
    if opened.info.dtype == stored:
        return ChannelPlane(opened, channel)
    return StoredTypePlane(opened, channel, stored)
