"""Whole-slide inference: tile geometry, memory plan, journal, checks, provenance."""

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

__all__ = [
    "Block",
    "Frame",
    "PolygonMask",
    "PredictionSummary",
    "Region",
    "SlidePrediction",
    "StartedPrediction",
    "Tile",
    "Tiling",
    "TissueMap",
    "choose_frame",
    "find_tissue",
    "frame_region",
    "input_channels",
    "memory_budget",
    "open_frame",
    "plan_tiling",
    "predict_slide",
    "prediction_provenance",
    "read_mask",
    "read_reflected",
    "run_prediction",
    "slide_checksums",
    "to_grey_levels",
]
