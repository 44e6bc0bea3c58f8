"""Whole-slide inference: tile geometry, checks, the loop over tiles, provenance."""

from hrpn_tf.prediction.checks import fitting_pixel_size, input_channels
from hrpn_tf.prediction.geometry import Tile, Tiling, plan_tiling
from hrpn_tf.prediction.predict import PredictionSummary, predict_slide, to_grey_levels
from hrpn_tf.prediction.provenance import prediction_provenance, sha256, slide_checksums
from hrpn_tf.prediction.reading import read_reflected

__all__ = [
    "PredictionSummary",
    "Tile",
    "Tiling",
    "fitting_pixel_size",
    "input_channels",
    "plan_tiling",
    "predict_slide",
    "prediction_provenance",
    "read_reflected",
    "sha256",
    "slide_checksums",
    "to_grey_levels",
]
