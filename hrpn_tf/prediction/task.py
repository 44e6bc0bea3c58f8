"""Definition of the prediction of one slide."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hrpn_export import Session

from hrpn_tf.config import PredictionConfig
from hrpn_tf.prediction.anchor import AnchorTask
from hrpn_tf.prediction.symmetries import SymmetricSession
from hrpn_tf.prediction.tiling import Region
from hrpn_tf.prediction.tissue_map import TissueMap
from hrpn_tf.slides import Slide
from hrpn_tf.slides.planes import CACHE_BYTES

if TYPE_CHECKING:
    from hrpn_tf.prediction.mask import PolygonMask


@dataclass(frozen=True)
class PredictionTask:
    """Everything that defines the prediction of a slide; ``SlidePrediction`` carries it out.

    Attributes:
        session: the network; its contract names the outputs and states the receptive field.
        slide: the open slide, on the pixel grid of the result.
        channels: indices of the input channels in the slide, in the contract's order.
        out: the file or folder to write, one channel per output of the contract.
        config: tiles, memory, type and format.
        origin: gives the provenance of the prediction as a JSON object; called once, at the
            start. The tiling is added to it.
        pixel_size_um: um per pixel of the result; None for that of the slide.
        region: region of the slide, px; None for the whole slide.
        mask: area to predict; the result is 0 outside; None for the whole region.
        find_tissue: makes the tissue map; called once; None to compute every tile.
        cache_bytes: cache of decoded strips or tiles of the slide.
        assess: assesses the slide, given its tissue map; called once, at the start. Its result is
            written beside the provenance and does not affect the prediction.
        observe: called with the pixels (h, w, inputs) of each tile that is computed.
        anchor: scales the result to what was measured; None leaves it as the network gives it.
    """

    session: Session
    slide: Slide
    channels: Sequence[int]
    out: Path
    config: PredictionConfig
    origin: Callable[[], Mapping[str, Any]]
    pixel_size_um: float | None = None
    region: Region | None = None
    mask: "PolygonMask | None" = None
    find_tissue: Callable[[], TissueMap] | None = None
    cache_bytes: int = CACHE_BYTES
    assess: Callable[[TissueMap | None], Mapping[str, Any]] | None = None
    observe: Callable[[np.ndarray], object] | None = None
    anchor: AnchorTask | None = None

    @property
    def stored_dtype(self) -> np.dtype:
        """Type of the unfinished result; one that is yet to be scaled is not rounded before."""
        return np.dtype(self.config.dtype if self.anchor is None else np.float32)

    @property
    def network(self) -> Session:
        """What predicts the tiles: the session, or its average over the orientations of a tile."""
        return SymmetricSession(self.session) if self.config.symmetries else self.session

    @property
    def area(self) -> Region:
        """The region of the slide to predict, px."""
        info = self.slide.info
        return self.region or Region(0, 0, info.height, info.width)
