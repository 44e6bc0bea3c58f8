"""All sections of the configuration, composed into one."""

from hrpn_tf.config.data import DataConfig
from hrpn_tf.config.prediction import EvaluationConfig, PredictionConfig
from hrpn_tf.config.section import Section
from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.config.spatial import SpatialConfig
from hrpn_tf.config.training import ModelConfig, TrainingConfig


class Config(Section):
    """The configuration of hrpn-tf: everything that repeats a run."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    prediction: PredictionConfig = PredictionConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    spatial: SpatialConfig = SpatialConfig()
    simulation: SimulationConfig = SimulationConfig()
