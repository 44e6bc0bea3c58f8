"""The network that is trained, and its float32 twin that is kept."""

from dataclasses import dataclass

import keras

from hrpn_tf.config import Config
from hrpn_tf.models.build import build_model
from hrpn_tf.models.presets import find_preset
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.training.losses import build_loss
from hrpn_tf.training.metrics import PooledMSE, PooledR2
from hrpn_tf.training.optimizers import averaged_weights, build_optimizer
from hrpn_tf.training.runtime import dtype_policy


@dataclass(frozen=True)
class Networks:
    """Two networks with the same weights in the same order.

    Attributes:
        trained: compiled, in the configured precision.
        kept: float32 and without optimizer, for ``best.keras``: a network of mixed precision
            cannot be exported.
    """

    trained: keras.Model
    kept: keras.Model

    def copy_weights(self) -> None:
        """Give ``kept`` the weights of ``trained``, averaged if it keeps an average."""
        with averaged_weights(self.trained):
            self.kept.set_weights(self.trained.get_weights())


def build_networks(config: Config, scaling: Scaling) -> Networks:
    """Build both networks of the configured preset; not compiled yet."""
    preset, inputs = config.model.preset, len(config.data.inputs)
    with dtype_policy(config.training.precision):
        trained = build_model(preset, inputs, scaling=scaling)
    with dtype_policy("float32"):
        kept = build_model(preset, inputs, scaling=scaling)
    return Networks(trained, kept)


def compile_network(network: keras.Model, config: Config, scaling: Scaling, steps: int) -> None:
    """Attach optimizer, loss and metrics.

    Args:
        network: in the configured precision.
        config: the resolved configuration.
        scaling: learnt from the training set. The loss is in units of its ``target_scale``, or in
            grey levels for a preset that works on raw ones.
        steps: training batches of one epoch.
    """
    training = config.training
    scaled = find_preset(config.model.preset).scaled
    network.compile(
        optimizer=build_optimizer(training, network, steps * training.epochs),
        loss=build_loss(training.loss, scaling.target_scale if scaled else 1.0),
        metrics=[PooledMSE(), PooledR2()],
    )
    network.optimizer.build(network.trainable_variables)
