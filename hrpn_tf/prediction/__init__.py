"""Whole-slide inference: tile geometry, memory plan, journal, checks, provenance."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:  # `as` makes them known to the type checkers of users
    from hrpn_tf.prediction.blocks import to_grey_levels as to_grey_levels
    from hrpn_tf.prediction.checks import input_channels as input_channels
    from hrpn_tf.prediction.frame import Frame as Frame
    from hrpn_tf.prediction.frame import choose_frame as choose_frame
    from hrpn_tf.prediction.frame import frame_region as frame_region
    from hrpn_tf.prediction.frame import open_frame as open_frame
    from hrpn_tf.prediction.mask import PolygonMask as PolygonMask
    from hrpn_tf.prediction.mask import read_mask as read_mask
    from hrpn_tf.prediction.predict import PredictionSummary as PredictionSummary
    from hrpn_tf.prediction.predict import memory_budget as memory_budget
    from hrpn_tf.prediction.predict import predict_slide as predict_slide
    from hrpn_tf.prediction.predict import run_prediction as run_prediction
    from hrpn_tf.prediction.provenance import prediction_provenance as prediction_provenance
    from hrpn_tf.prediction.provenance import slide_checksums as slide_checksums
    from hrpn_tf.prediction.reading import read_reflected as read_reflected
    from hrpn_tf.prediction.slide_prediction import SlidePrediction as SlidePrediction
    from hrpn_tf.prediction.started import StartedPrediction as StartedPrediction
    from hrpn_tf.prediction.tiling import Block as Block
    from hrpn_tf.prediction.tiling import Region as Region
    from hrpn_tf.prediction.tiling import Tile as Tile
    from hrpn_tf.prediction.tiling import Tiling as Tiling
    from hrpn_tf.prediction.tiling import plan_tiling as plan_tiling
    from hrpn_tf.prediction.tissue_map import TissueMap as TissueMap
    from hrpn_tf.prediction.tissue_map import find_tissue as find_tissue

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "blocks": ["to_grey_levels"],
        "checks": ["input_channels"],
        "frame": ["Frame", "choose_frame", "frame_region", "open_frame"],
        "mask": ["PolygonMask", "read_mask"],
        "predict": ["PredictionSummary", "memory_budget", "predict_slide", "run_prediction"],
        "provenance": ["prediction_provenance", "slide_checksums"],
        "reading": ["read_reflected"],
        "slide_prediction": ["SlidePrediction"],
        "started": ["StartedPrediction"],
        "tiling": ["Block", "Region", "Tile", "Tiling", "plan_tiling"],
        "tissue_map": ["TissueMap", "find_tissue"],
    },
)
