"""All sections of the configuration, composed into one."""

from pydantic import Field

from hrpn_tf.config.data import DataConfig
from hrpn_tf.config.prediction import EvaluationConfig, PredictionConfig
from hrpn_tf.config.section import Section
from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.config.spatial import SpatialConfig
from hrpn_tf.config.training import ModelConfig, TrainingConfig


class Config(Section):
    """The configuration of hrpn-tf: everything that repeats a run."""

    data: DataConfig = Field(default_factory=DataConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    prediction: PredictionConfig = Field(default_factory=PredictionConfig)
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    spatial: SpatialConfig = Field(default_factory=SpatialConfig)
    simulation: SimulationConfig = Field(default_factory=SimulationConfig)
