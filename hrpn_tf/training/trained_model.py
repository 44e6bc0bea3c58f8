"""A network, its optimizer, and the training step that the loop calls."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from hrpn_tf.losses import LossFunction
from hrpn_tf.training.backend import backend
from hrpn_tf.training.core import WHOLE, Places, core_of, weighted
from hrpn_tf.training.distribution import replicas_in_sync
from hrpn_tf.training.normalisation import Statistics, holding
from hrpn_tf.training.optimizers import averaged_weights, schedule_of
from hrpn_tf.training.sums import batch_sums, sum_names

Gradients = list[Any]


class TrainedModel(keras.Model):
    """Base class of models in training; only their network is saved.

    ``train_step`` and ``test_step`` give sums (see :mod:`hrpn_tf.training.sums`), not means, so
    that they add up exactly over steps, devices and machines.

    Attributes:
        network: from (N, H, W, inputs) to (N, H, W, outputs), grey levels.
        optimizer: of the network's weights.
        names: of the sums.
        statistics: of batch normalisation that belong to the averaged weights; empty for the
            moving ones.
    """

    losses_shown: tuple[str, ...] = ("loss",)

    def __init__(self, network: keras.Model, optimizer: Any, *, accumulate: int = 1) -> None:
        """Join a network with its built optimizer; a batch is computed in ``accumulate`` parts."""
        super().__init__(name=f"trained_{network.name.replace('-', '_')}")
        self.network = network
        self.optimizer = optimizer
        self.accumulate = accumulate
        self.names = sum_names(self.losses_shown)
        self.statistics: Statistics = ()
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Predict grey levels."""
        return self.network(inputs, training=training)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """A context in which the network holds its averaged weights, if it keeps any."""
        weights = averaged_weights(self.optimizer, self.network.trainable_variables)
        with weights, holding(self.network, self.statistics):
            yield

    def lay_out(self, steps: int) -> None:
        """Spread the schedules of the learning rates over so many steps, before the first one."""
        schedule_of(self.optimizer).lay_out(steps)

    def state_variables(self) -> Iterator[tuple[str, Any]]:
        """Everything that the next step depends on: each variable with a name of its own."""
        yield from named("network", self.network.variables)
        yield from named("optimizer", self.optimizer.variables)

    def gradients(
        self, function: Callable[[], tuple[Any, Any]], network: keras.Model
    ) -> tuple[Gradients, Any]:
        """Gradients of a network's weights, and what comes along.

        Args:
            function: gives a scalar to differentiate, and anything else.
            network: one of this model's.
        """
        trained = network.trainable_variables
        known = {id(variable) for variable in trained}
        others = [v for _, v in self.state_variables() if id(v) not in known]
        return backend.gradients(function, trained, others)

    def in_parts(
        self, gradients: Callable[..., tuple[Gradients, Any]], data: Any
    ) -> tuple[Gradients, Any]:
        """Mean of the gradients, and sum of the sums, over the parts of a batch.

        The parts run one after another, so that only one part's activations are in memory.

        Args:
            gradients: of (inputs, target) or (inputs, target, places) to the gradients of their
                mean loss, and their sums.
            data: of the whole batch, as the pipeline gives it.
        """
        if self.accumulate == 1:
            return gradients(*data)
        variables = [variable for _, variable in self.state_variables()]
        total, sums = backend.add_parts(gradients, data, self.accumulate, variables)
        return [gradient / self.accumulate for gradient in total], sums


class RegressionModel(TrainedModel):
    """A network that minimises a loss between prediction and target."""

    def __init__(
        self, network: keras.Model, optimizer: Any, loss: LossFunction, **options: Any
    ) -> None:
        """See :class:`TrainedModel`; ``loss`` is of (target, prediction) in grey levels."""
        super().__init__(network, optimizer, **options)
        self.pixel_loss = loss

    def train_step(self, data: Any) -> Any:
        """One step on a batch; gives the sums of this device's share of it."""
        gradients, sums = self.in_parts(self._gradients, data)
        backend.apply(self.optimizer, gradients, self.network.trainable_variables)
        return sums

    def test_step(self, data: Any) -> Any:
        """The sums of (inputs, target), with dropout and batch statistics off."""
        inputs, target = data
        prediction = self.network(inputs, training=False)
        return batch_sums({"loss": self.pixel_loss(target, prediction)}, target, prediction)

    def _gradients(self, inputs: Any, target: Any, places: Places = WHOLE) -> tuple[Gradients, Any]:
        def loss_and_sums() -> tuple[Any, Any]:
            whole = self.network(inputs, training=True)
            prediction = core_of(whole, places, target.shape[1])
            loss = weighted(self.pixel_loss, places, target, prediction)
            sums = batch_sums({"loss": loss}, target, prediction)
            return share_of_loss(self.optimizer, loss), sums

        return self.gradients(loss_and_sums, self.network)


def share_of_loss(optimizer: Any, loss: Any) -> Any:
    """What a device differentiates: its share of the mean over devices, scaled for half types."""
    return optimizer.scale_loss(loss / replicas_in_sync())


def named(part: str, variables: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """The variables of one part of a model, numbered: Keras' names differ between processes."""
    for number, variable in enumerate(variables):
        yield f"{part}/{number:04d}", variable
