"""One slide to predict, checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import Config
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.predict.anchor import Anchor

if TYPE_CHECKING:
    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile
    from hrpn_tf.prediction import Frame, Region
    from hrpn_tf.prediction.anchor import AnchorSums
    from hrpn_tf.slides import SlideInfo


@dataclass(frozen=True)
class SlideJob:
    """A checked slide to predict; can be sent to another process.

    Attributes:
        slide, out: see ``Request``; absolute.
        network: the network.
        config: resolved configuration of the run with the options of this prediction.
        channels: indices in the file, in the contract's order.
        channel_names: names of these channels by role.
        frame: pixel grid of the prediction.
        pixels: number of pixels of the result.
        region: region in px of the frame; None for the whole slide.
        mask: absolute path of a GeoJSON file; None for the whole region.
        profile: profile of the training slides to compare the slide with; None for none.
        anchor: what was measured of the slide; None for nothing.
        target: index in the file of the measured target; None unless a part of it anchors.
        others: sums of the other slides of the same animal.
        hold: keep the prediction unfinished until these are known.
        reference_levels: of the network's contract; None for inputs as stored.
    """

    slide: Path
    out: Path
    network: Network
    config: Config
    channels: tuple[int, ...]
    channel_names: dict[str, str]
    frame: "Frame"
    pixels: int
    region: "Region | None"
    mask: Path | None
    profile: "TrainingProfile | None" = None
    anchor: Anchor | None = None
    target: int | None = None
    others: "tuple[AnchorSums, ...]" = ()
    hold: bool = False
    reference_levels: tuple[tuple[float, float], ...] | None = None


def size_of(info: "SlideInfo") -> tuple[int, int]:
    """Height and width, px."""
    return info.height, info.width


def region_of(job: SlideJob) -> tuple[int, int, int, int] | None:
    """y, x, height, width of the region of a job, px of the frame; None for the whole slide."""
    region = job.region
    return None if region is None else (region.y, region.x, region.height, region.width)
