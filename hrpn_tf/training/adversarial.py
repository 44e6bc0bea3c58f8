"""Generative adversarial training: two networks, two optimizers, one step."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from hrpn_tf.config import AdversarialConfig
from hrpn_tf.losses import LossFunction
from hrpn_tf.training.core import WHOLE, Places, core_of, weighted
from hrpn_tf.training.optimizers import schedule_of
from hrpn_tf.training.sums import batch_sums
from hrpn_tf.training.trained_model import (
    Gradients,
    TrainedModel,
    named,
    share_of_loss,
    variables_of,
)

Judge = Callable[[Any, bool], Any]  # loss of the discriminator's scores, if they should say "real"


class AdversarialModel(TrainedModel):
    """A generator, and the discriminator that separates its predictions from measurements.

    In each step the discriminator is updated first, on measured and predicted targets, then the
    generator, on the updated discriminator's judgement and on the distance to the measured target
    (Goodfellow et al. 2014; Isola et al. 2017). Both see the statistics of the batch. The
    discriminator sees the part of a crop that counts, not its context.

    The validation loss is the reconstruction loss alone, so that the choice of a checkpoint does
    not depend on the discriminator.
    """

    losses_shown = ("loss", "reconstruction", "adversarial", "discriminator")

    def __init__(
        self,
        network: keras.Model,
        optimizer: Any,
        loss: LossFunction,
        discriminator: keras.Model,
        discriminator_optimizer: Any,
        config: AdversarialConfig,
        **options: Any,
    ) -> None:
        """See :class:`TrainedModel`.

        Args:
            network: the generator.
            optimizer: of the generator.
            loss: of (target, prediction) in grey levels.
            discriminator: from [inputs, target] of the part that counts, in grey levels, to scores.
            discriminator_optimizer: built.
            config: kinds and weights of the losses.
            **options: of the base class.
        """
        super().__init__(network, optimizer, **options)
        self.pixel_loss = loss
        self.discriminator = discriminator
        self.discriminator_optimizer = discriminator_optimizer
        self.adversarial = config
        self.judge = JUDGES[config.loss]

    def lay_out(self, steps: int) -> None:
        """As of the base class, for both optimizers."""
        super().lay_out(steps)
        schedule_of(self.discriminator_optimizer).lay_out(steps)

    def state_variables(self) -> Iterator[tuple[str, Any]]:
        """Of the generator, the discriminator, and both optimizers."""
        yield from super().state_variables()
        yield from named("discriminator", self.discriminator.variables)
        yield from named("discriminator_optimizer", self.discriminator_optimizer.variables)

    def train_step(self, data: Any) -> tf.Tensor:
        """One step of both networks; gives the sums of this device's share of the batch."""
        if self.accumulate == 1:
            sums, judged = self._one_pass(*data)
        else:
            gradients, judged = self.in_parts(self._discriminator_gradients, data)
            self._apply_discriminator(gradients)
            gradients, sums = self.in_parts(self._generator_gradients, data)
            self.optimizer.apply(gradients, self.network.trainable_variables)
        place = self.names.index("discriminator")
        return sums + judged * tf.one_hot(place, len(self.names), dtype="float64")

    def _one_pass(
        self, inputs: Any, target: Any, places: Places = WHOLE
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Both updates from one prediction, which saves a pass through the generator."""
        with tf.GradientTape() as tape:
            seen, predicted = self._cores(inputs, target, places)
            with tape.stop_recording():
                gradients, judged = self._judged(seen, target, predicted)
                self._apply_discriminator(gradients)
            scaled, sums = self._generator_loss(seen, target, predicted, places)
        gradients = tape.gradient(scaled, variables_of(self.network))
        self.optimizer.apply(gradients, self.network.trainable_variables)
        return sums, judged

    def test_step(self, data: Any) -> tf.Tensor:
        """The sums of (inputs, target); the loss is the reconstruction."""
        inputs, target = data
        prediction = self.network(inputs, training=False)
        loss = self.pixel_loss(target, prediction)
        zero = ops.zeros_like(loss)
        shown = dict(zip(self.losses_shown, (loss, loss, zero, zero), strict=True))
        return batch_sums(shown, target, prediction)

    def _cores(self, inputs: Any, target: Any, places: Places) -> tuple[Any, Any]:
        """The part that counts of the inputs and of the prediction."""
        side = target.shape[1]
        predicted = core_of(self.network(inputs, training=True), places, side)
        return core_of(inputs, places, side), predicted

    def _discriminator_gradients(
        self, inputs: Any, target: Any, places: Places = WHOLE
    ) -> tuple[Gradients, tf.Tensor]:
        seen, predicted = self._cores(inputs, target, places)
        return self._judged(seen, target, predicted)

    def _judged(self, inputs: Any, target: Any, predicted: Any) -> tuple[Gradients, tf.Tensor]:
        """The discriminator's gradients, and its loss times the number of patches."""
        with tf.GradientTape() as tape:
            real = self.judge(self.discriminator([inputs, target], training=True), True)
            fake = self.judge(self.discriminator([inputs, predicted], training=True), False)
            loss = self.adversarial.discriminator * (real + fake)
            scaled = share_of_loss(self.discriminator_optimizer, loss)
        gradients = tape.gradient(scaled, variables_of(self.discriminator))
        patches = tf.cast(tf.shape(inputs)[0], "float64")
        return gradients, patches * tf.cast(loss, "float64")

    def _apply_discriminator(self, gradients: Gradients) -> None:
        self.discriminator_optimizer.apply(gradients, self.discriminator.trainable_variables)

    def _generator_gradients(
        self, inputs: Any, target: Any, places: Places = WHOLE
    ) -> tuple[Gradients, tf.Tensor]:
        with tf.GradientTape() as tape:
            seen, predicted = self._cores(inputs, target, places)
            scaled, sums = self._generator_loss(seen, target, predicted, places)
        return tape.gradient(scaled, variables_of(self.network)), sums

    def _generator_loss(
        self, inputs: Any, target: Any, predicted: Any, places: Places
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """What the generator differentiates, and the sums of the batch."""
        fooled = self.judge(self.discriminator([inputs, predicted], training=True), True)
        distance = weighted(self.pixel_loss, places, target, predicted)
        loss = self.adversarial.weight * fooled + self.adversarial.reconstruction * distance
        zero = tf.zeros_like(loss)
        shown = dict(zip(self.losses_shown, (loss, distance, fooled, zero), strict=True))
        return share_of_loss(self.optimizer, loss), batch_sums(shown, target, predicted)


def _least_squares(scores: Any, real: bool) -> Any:
    """Mao et al. 2017, on scores between 0 and 1."""
    return ops.mean(ops.square(scores - (1.0 if real else 0.0)))


def _cross_entropy(scores: Any, real: bool) -> Any:
    """On logits: softplus(-s) is -log sigmoid(s)."""
    return ops.mean(ops.softplus(-scores if real else scores))


JUDGES: Mapping[str, Judge] = {"least_squares": _least_squares, "cross_entropy": _cross_entropy}
