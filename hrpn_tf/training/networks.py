"""The network in training, and its float32 copy that is saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from hrpn_tf.config import Config
from hrpn_tf.models.build import build_discriminator, build_model
from hrpn_tf.models.freezing import freeze_body
from hrpn_tf.models.presets import Preset, find_preset
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.training.adversarial import AdversarialModel
from hrpn_tf.training.distribution import Devices, replicas_in_sync
from hrpn_tf.training.losses import build_loss
from hrpn_tf.training.optimizers import build_optimizer
from hrpn_tf.training.runtime import dtype_policy
from hrpn_tf.training.trained_model import RegressionModel, TrainedModel


@dataclass(frozen=True)
class Networks:
    """Two networks with the same weights in the same order.

    Attributes:
        trained: with optimizer, in the configured precision, on all devices.
        kept: float32 and without optimizer, for ``best.keras``: a network of mixed precision
            cannot be exported.
    """

    trained: TrainedModel
    kept: keras.Model

    def copy_weights(self) -> None:
        """Give ``kept`` the weights of ``trained``, averaged if it keeps an average."""
        with self.trained.averaged():
            self.kept.set_weights(self.trained.network.get_weights())


def build_kept(config: Config, scaling: Scaling) -> keras.Model:
    """The float32 twin of the network of the configured preset."""
    with dtype_policy("float32"):
        return build_model(config.model.preset, len(config.data.inputs), scaling=scaling)


def build_trained(
    config: Config, scaling: Scaling, devices: Devices, *, core: int, steps: int
) -> TrainedModel:
    """The network of the configured preset, on all devices, with all that trains it.

    Args:
        config: the resolved configuration.
        scaling: learnt from the training set.
        devices: that train.
        core: side of the part of a training patch that counts, px: some discriminators take no
            other.
        steps: optimizer steps of the whole training; see :meth:`TrainedModel.lay_out`.
    """
    preset = find_preset(config.model.preset)
    with devices.strategy.scope(), dtype_policy(config.training.precision):
        network = build_model(preset, len(config.data.inputs), scaling=scaling)
        if config.training.freeze == "body":
            freeze_body(network)
        if devices.replicas > 1:
            _synchronise(network)
        return _trained(config, preset, network, scaling, core, steps)


def _trained(
    config: Config, preset: Preset, network: keras.Model, scaling: Scaling, core: int, steps: int
) -> TrainedModel:
    training = config.training
    loss = build_loss(training.loss, scaling.unit(preset.scaling))

    def optimizer(variables: Sequence[Any], ema: float) -> Any:
        return build_optimizer(
            training.optimizer,
            variables,
            steps,
            ema=ema,
            scale_loss=training.precision == "mixed_float16",
        )

    own = optimizer(network.trainable_variables, training.ema)
    if training.adversarial is None:
        return RegressionModel(network, own, loss, accumulate=training.accumulate)
    discriminator = build_discriminator(preset, len(config.data.inputs), 1, core, scaling)
    if replicas_in_sync() > 1:
        _synchronise(discriminator)
    return AdversarialModel(
        network,
        own,
        loss,
        discriminator,
        optimizer(discriminator.trainable_variables, 0.0),
        training.adversarial,
        accumulate=training.accumulate,
    )


def _synchronise(network: keras.Model) -> None:
    """Let batch normalisation see the whole batch, whatever the number of devices."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
