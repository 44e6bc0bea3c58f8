"""What decides the prediction of a slide."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_export import Session

from hrpn_tf.config import PredictionConfig
from hrpn_tf.prediction.mask import PolygonMask
from hrpn_tf.prediction.tiling import Region
from hrpn_tf.prediction.tissue_map import TissueMap
from hrpn_tf.slides import Slide
from hrpn_tf.slides.planes import CACHE_BYTES


@dataclass(frozen=True)
class PredictionTask:
    """What decides the prediction of a slide; ``SlidePrediction`` carries it out.

    Attributes:
        session: the network; its contract names the outputs and states the receptive field.
        slide: the open slide, in the pixels of the result.
        channels: indices of the input channels in the slide, in the contract's order.
        out: the file or folder to make, one channel per output of the contract.
        config: tiles, memory, type and format.
        origin: gives where the prediction comes from, as JSON holds it; asked once, to begin. How
            the slide was tiled is added to it.
        pixel_size_um: um per pixel; None for what the slide states.
        region: of the slide, px; None for all of it.
        mask: outside of it the result is 0; None for everything.
        find_tissue: makes the tissue map, once; None to compute every tile.
        cache_bytes: what the open slide may keep of decoded strips or tiles.
        assess: looks at the slide, once, to begin; of its tissue map. What it gives is written into
            the result beside the origin, and does not decide what the result is.
    """

    session: Session
    slide: Slide
    channels: Sequence[int]
    out: Path
    config: PredictionConfig
    origin: Callable[[], Mapping[str, Any]]
    pixel_size_um: float | None = None
    region: Region | None = None
    mask: PolygonMask | None = None
    find_tissue: Callable[[], TissueMap] | None = None
    cache_bytes: int = CACHE_BYTES
    assess: Callable[[TissueMap | None], Mapping[str, Any]] | None = None

    @property
    def area(self) -> Region:
        """The part of the slide that is predicted, px."""
        info = self.slide.info
        return self.region or Region(0, 0, info.height, info.width)
