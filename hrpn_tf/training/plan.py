"""How many optimizer steps a training has, and how they are spread over its epochs."""

from dataclasses import dataclass

from hrpn_tf.config import TrainingConfig
from hrpn_tf.errors import ConfigError


@dataclass(frozen=True)
class TrainingPlan:
    """The steps of a training.

    An epoch ends with a validation. All epochs have the same number of steps; where ``total`` is
    not a multiple of ``epochs``, some have one more than others, evenly spread.

    Attributes:
        total: optimizer steps of the whole training, at least ``epochs``.
        epochs: their number.

    Example:
        >>> plan = TrainingPlan(total=8, epochs=3)
        >>> [(plan.first(epoch), plan.steps(epoch)) for epoch in range(3)]
        [(0, 2), (2, 3), (5, 3)]
    """

    total: int
    epochs: int

    def first(self, epoch: int) -> int:
        """Steps before an epoch, which counts from 0."""
        return self.total * epoch // self.epochs

    def steps(self, epoch: int) -> int:
        """Steps of an epoch, which counts from 0."""
        return self.first(epoch + 1) - self.first(epoch)


def plan_of(training: TrainingConfig, patches: int) -> TrainingPlan | None:
    """The plan that a configuration states; None where ``minutes`` is a matter of speed.

    Args:
        training: the resolved configuration.
        patches: to train with; one pass over them is an epoch unless stated otherwise.
    """
    if training.minutes is not None:
        return None
    per_epoch = training.steps_per_epoch or patches // training.batch_size
    return TrainingPlan(training.steps or per_epoch * training.epochs, training.epochs)


def plan_for(
    training: TrainingConfig, *, left: float, step: float, validation: float
) -> TrainingPlan:
    """The plan that fills a time.

    Args:
        training: the resolved configuration.
        left: of the time, seconds.
        step: duration of an optimizer step, seconds.
        validation: duration of a validation, seconds.

    Raises:
        ConfigError: the time is too short for one step per epoch.

    Example:
        >>> plan_for(TrainingConfig(epochs=10), left=100.0, step=0.5, validation=1.0).total
        180
    """
    epochs = training.epochs
    total = int((left - epochs * validation) / step)
    if total < epochs:
        raise ConfigError(
            f"training.minutes={training.minutes:g} is too short for training.epochs={epochs}: a "
            f"step takes {step:.2g} s and a validation {validation:.2g} s; give more time, or "
            "fewer epochs"
        )
    return TrainingPlan(total, epochs)
