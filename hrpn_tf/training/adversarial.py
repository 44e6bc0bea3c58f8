"""Generative adversarial training: two networks, two optimizers, one step."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
from keras import ops

from hrpn_tf.config import AdversarialConfig
from hrpn_tf.losses import LossFunction
from hrpn_tf.training.backend import backend
from hrpn_tf.training.core import WHOLE, Places, core_of, weighted
from hrpn_tf.training.optimizers import schedule_of
from hrpn_tf.training.sums import batch_sums
from hrpn_tf.training.trained_model import (
    Gradients,
    TrainedModel,
    named,
    share_of_loss,
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

    def train_step(self, data: Any) -> Any:
        """One step of both networks; gives the sums of this device's share of the batch."""
        if self.accumulate == 1:
            sums, judged = self._one_pass(*data)
        else:
            # Each part is predicted twice, since the activations of all parts would not fit: moving
            # statistics move twice a step, and dropout is drawn anew.
            gradients, judged = self.in_parts(self._discriminator_gradients, data)
            self._apply_discriminator(gradients)
            gradients, sums = self.in_parts(self._generator_gradients, data)
            backend.apply(self.optimizer, gradients, self.network.trainable_variables)
        place = self.names.index("discriminator")
        return sums + judged * ops.one_hot(place, sums.shape[0], dtype=sums.dtype)

    def _one_pass(self, inputs: Any, target: Any, places: Places = WHOLE) -> tuple[Any, Any]:
        """Both updates from one prediction, which saves a pass through the generator."""

        def loss_and_sums() -> tuple[Any, Any]:
            seen, predicted = self._cores(inputs, target, places)
            with backend.unrecorded():
                gradients, judged = self._judged(seen, target, ops.stop_gradient(predicted))
                self._apply_discriminator(gradients)
            scaled, sums = self._generator_loss(seen, target, predicted, places)
            return scaled, (sums, judged)

        gradients, both = self.gradients(loss_and_sums, self.network)
        backend.apply(self.optimizer, gradients, self.network.trainable_variables)
        return both

    def test_step(self, data: Any) -> Any:
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
    ) -> tuple[Gradients, Any]:
        seen, predicted = self._cores(inputs, target, places)
        return self._judged(seen, target, predicted)

    def _judged(self, inputs: Any, target: Any, predicted: Any) -> tuple[Gradients, Any]:
        """The discriminator's gradients, and its loss times the number of patches."""

        def both_losses() -> tuple[Any, Any]:
            real = self.judge(self.discriminator([inputs, target], training=True), True)
            fake = self.judge(self.discriminator([inputs, predicted], training=True), False)
            loss = self.adversarial.discriminator * (real + fake)
            return share_of_loss(self.discriminator_optimizer, loss), loss

        gradients, loss = self.gradients(both_losses, self.discriminator)
        patches = ops.cast(ops.shape(inputs)[0], backend.SUMS)
        return gradients, patches * ops.cast(loss, backend.SUMS)

    def _apply_discriminator(self, gradients: Gradients) -> None:
        trained = self.discriminator.trainable_variables
        backend.apply(self.discriminator_optimizer, gradients, trained)

    def _generator_gradients(
        self, inputs: Any, target: Any, places: Places = WHOLE
    ) -> tuple[Gradients, Any]:
        def loss_and_sums() -> tuple[Any, Any]:
            seen, predicted = self._cores(inputs, target, places)
            return self._generator_loss(seen, target, predicted, places)

        return self.gradients(loss_and_sums, self.network)

    def _generator_loss(
        self, inputs: Any, target: Any, predicted: Any, places: Places
    ) -> tuple[Any, Any]:
        """What the generator differentiates, and the sums of the batch."""
        fooled = self.judge(self.discriminator([inputs, predicted], training=True), True)
        distance = weighted(self.pixel_loss, places, target, predicted)
        loss = self.adversarial.weight * fooled + self.adversarial.reconstruction * distance
        zero = ops.zeros_like(loss)
        shown = dict(zip(self.losses_shown, (loss, distance, fooled, zero), strict=True))
        return share_of_loss(self.optimizer, loss), batch_sums(shown, target, predicted)


def _least_squares(scores: Any, real: bool) -> Any:
    """Mao et al. 2017, on scores between 0 and 1."""
    return ops.mean(ops.square(scores - (1.0 if real else 0.0)))


def _cross_entropy(scores: Any, real: bool) -> Any:
    """On logits: softplus(-s) is -log sigmoid(s)."""
    return ops.mean(ops.softplus(-scores if real else scores))


JUDGES: Mapping[str, Judge] = {"least_squares": _least_squares, "cross_entropy": _cross_entropy}
