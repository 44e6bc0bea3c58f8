"""Open the slides of a run as planes for an evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager

from hrpn_tf.config import Config
from hrpn_tf.errors import PixelSizeError, SlideMismatchError
from hrpn_tf.evaluation import ChannelPlane, MaskPlane, MeasuredSlide, Plane
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import Slide, channel_index, open_slide


@contextmanager
def measured_slide(slide: RunSlide, config: Config) -> Iterator[tuple[MeasuredSlide, Slide]]:
    """A slide of the run with its channels as planes, and the open slide.

    Raises:
        PixelSizeError: neither the file nor the run states a pixel size.
        UnknownChannelError: the slide lacks a channel.
    """
    with open_slide(slide.path) as opened:
        size = opened.info.pixel_size_um or slide.pixel_size_um
        if size is None:
            raise PixelSizeError(
                f"{slide.path}: the slide states no pixel size; give it in the file"
            )
        planes = {
            role: ChannelPlane(opened, channel_index(opened.info, channel))
            for role, channel in slide.channels.items()
        }
        vessels, target = config.evaluation.vessel_role, config.data.target
        yield (
            MeasuredSlide(
                name=slide.name,
                group=slide.group,
                subset=slide.subset,
                inputs={role: planes[role] for role in config.data.inputs},
                target_role=target,
                target=planes[target],
                vessel_role=vessels if vessels in config.data.inputs else None,
                pixel_size_um=size,
            ),
            opened,
        )


def predicted_plane(predicted: Slide, config: Config, measured: Slide) -> ChannelPlane:
    """The channel of a predicted slide that holds the target.

    Raises:
        SlideMismatchError: the two slides state different pixel sizes.
        UnknownChannelError: several channels, none of which has the name of the target.
    """
    size, true_size = predicted.info.pixel_size_um, measured.info.pixel_size_um
    if size is not None and true_size is not None and abs(size - true_size) > 0.01 * true_size:
        raise SlideMismatchError(
            f"{predicted.info.path}: {size:g} um/px, but the measured slide has {true_size:g}; "
            "predict the slide again"
        )
    one = len(predicted.info.channels) == 1
    return ChannelPlane(predicted, 0 if one else channel_index(predicted.info, config.data.target))


def tissue_plane(
    opened: Slide, slide: RunSlide, pixel_size_um: float, config: Config
) -> Plane | None:
    """Tissue mask of a slide, as for training; None if every pixel counts as tissue."""
    from hrpn_tf.data.tissue import block_side, read_blocks, tissue_mask

    tissue = config.data.tissue
    if tissue.method == "all":
        return None
    channels = [channel_index(opened.info, slide.channels[role]) for role in config.data.inputs]
    blocks = read_blocks(opened, channels, block_side(tissue.scale_um, pixel_size_um))
    mask = tissue_mask(blocks, len(channels), tissue)
    return MaskPlane(opened.info.height, opened.info.width, mask, blocks.side)
