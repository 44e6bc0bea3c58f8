"""Whole-slide inference: tile geometry, memory plan, journal, checks, provenance."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.prediction.blocks import to_grey_levels
    from hrpn_tf.prediction.checks import input_channels
    from hrpn_tf.prediction.frame import Frame, choose_frame, frame_region, open_frame
    from hrpn_tf.prediction.mask import PolygonMask, read_mask
    from hrpn_tf.prediction.predict import (
        PredictionSummary,
        memory_budget,
        predict_slide,
        run_prediction,
    )
    from hrpn_tf.prediction.provenance import prediction_provenance, slide_checksums
    from hrpn_tf.prediction.reading import read_reflected
    from hrpn_tf.prediction.slide_prediction import SlidePrediction
    from hrpn_tf.prediction.started import StartedPrediction
    from hrpn_tf.prediction.tiling import Block, Region, Tile, Tiling, plan_tiling
    from hrpn_tf.prediction.tissue_map import TissueMap, find_tissue

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
