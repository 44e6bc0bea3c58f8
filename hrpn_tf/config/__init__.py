"""The configuration: one frozen model per concern, composed into one file (``hrpn.yaml``)."""

from hrpn_tf.config.config import Config
from hrpn_tf.config.data import AugmentationConfig, DataConfig, SplitConfig, TissueConfig
from hrpn_tf.config.loader import (
    config_of,
    load_config,
    to_yaml,
)
from hrpn_tf.config.prediction import CONDITIONS, EvaluationConfig, PredictionConfig
from hrpn_tf.config.section import Section
from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.config.spatial import SpatialConfig
from hrpn_tf.config.training import (
    AdversarialConfig,
    ModelConfig,
    OptimizerConfig,
    TrainingConfig,
)

__all__ = [
    "CONDITIONS",
    "AdversarialConfig",
    "AugmentationConfig",
    "Config",
    "DataConfig",
    "EvaluationConfig",
    "ModelConfig",
    "OptimizerConfig",
    "PredictionConfig",
    "Section",
    "SimulationConfig",
    "SpatialConfig",
    "SplitConfig",
    "TissueConfig",
    "TrainingConfig",
    "config_of",
    "load_config",
    "to_yaml",
]
