"""Optimizers and learning-rate schedules from the configuration, and the averaged weights."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from hrpn_tf.config import OptimizerConfig

Variables = Sequence[Any]


class _SummedFirst:
    """Sums gradients over devices before it clips them or checks them for infinities.

    Keras clips and checks on each device separately before it sums. The result would then depend on
    the number of devices, and a single device could skip a step.
    """

    def apply(self, grads: Sequence[Any], trainable_variables: Variables | None = None) -> None:
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            grads = context.all_reduce(tf.distribute.ReduceOp.SUM, list(grads))
        super().apply(grads, trainable_variables)  # type: ignore[misc]

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        # Keras would sum over the devices once more
        return grads_and_vars


class AdamW(_SummedFirst, keras.optimizers.AdamW):
    """Keras' own, on gradients summed over devices."""


class Adam(_SummedFirst, keras.optimizers.Adam):
    """Keras' own, on gradients summed over devices."""


class RMSprop(_SummedFirst, keras.optimizers.RMSprop):
    """Keras' own, on gradients summed over devices."""


class LossScale(_SummedFirst, keras.optimizers.LossScaleOptimizer):
    """Keras' own, on gradients summed over devices."""


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly to the peak, stays there, and decays to 0.

    Args:
        config: peak, shares and shape of the decay.
        steps: optimizer steps of the whole training.
    """

    def __init__(self, config: OptimizerConfig, steps: int) -> None:
        super().__init__()
        self.peak, self.shape = config.learning_rate, config.schedule
        self._shares = config.warmup_share, config.hold_share
        self.lay_out(steps)

    def lay_out(self, steps: int) -> None:
        """Spread over so many steps; a graph that was traced before does not see it."""
        warmup, hold = self._shares
        self.rise = round(warmup * steps)
        self.fall = max(steps - self.rise - round(hold * steps), 1)
        self.begin = steps - self.fall

    def __call__(self, step: Any) -> Any:
        """Learning rate of step ``step``, from 0."""
        step = ops.cast(step, "float32")
        rate = ops.convert_to_tensor(self.peak, "float32")
        done = ops.clip((step - self.begin) / self.fall, 0.0, 1.0)
        if self.shape == "linear":
            rate = rate * (1.0 - done)
        elif self.shape == "cosine":
            rate = rate * 0.5 * (1.0 + ops.cos(math.pi * done))
        if not self.rise:
            return rate
        return ops.where(step < self.rise, self.peak * (step + 1.0) / self.rise, rate)

    def get_config(self) -> dict[str, Any]:
        """What it was made of."""
        return {name: getattr(self, name) for name in ("peak", "shape", "rise", "fall", "begin")}


def build_optimizer(
    config: OptimizerConfig, variables: Variables, steps: int, *, ema: float, scale_loss: bool
) -> Any:
    """The Keras optimizer of ``variables``, built.

    AdamW decays kernels only, not biases or normalisation. RMSprop has PyTorch's smoothing of
    0.99 and decays everything, as in the published training; so does Adam.

    Args:
        config: the optimizer section.
        variables: trainable ones.
        steps: optimizer steps of the whole training.
        ema: momentum of the averaged weights; 0 for none.
        scale_loss: scale the loss dynamically, as float16 needs.
    """
    common: dict[str, Any] = {
        "learning_rate": Schedule(config, steps),
        "weight_decay": config.weight_decay or None,
        "global_clipnorm": config.clip_norm,
        "use_ema": ema > 0,
        "ema_momentum": ema,
    }
    if config.name == "rmsprop":
        # Keras adds epsilon under the root, PyTorch 1e-8 beside it
        optimizer = RMSprop(rho=0.99, momentum=config.momentum, epsilon=1e-16, **common)
    elif config.name == "adam":
        optimizer = Adam(beta_1=config.beta_1, **common)
    else:
        common["weight_decay"] = config.weight_decay  # it does not take None
        optimizer = AdamW(beta_1=config.beta_1, **common)
        optimizer.exclude_from_weight_decay(var_list=[v for v in variables if len(v.shape) < 2])
    if scale_loss:
        optimizer = LossScale(optimizer)
    optimizer.build(variables)
    return optimizer


def schedule_of(optimizer: Any) -> Schedule:
    """The schedule of an optimizer that :func:`build_optimizer` made."""
    schedule: Schedule = getattr(optimizer, "inner_optimizer", optimizer)._learning_rate
    return schedule


@contextmanager
def averaged_weights(optimizer: Any, variables: Variables) -> Iterator[None]:
    """A context in which the variables hold their averages, if the optimizer keeps averages.

    Before the first step there is nothing to average: they stay as they are.

    Keras' own callback swaps by adding and subtracting, which rounds the weights at every swap;
    here they are copied, so that validation changes nothing.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not optimizer.use_ema or not int(optimizer.iterations.numpy()):
        yield
        return
    pairs = list(zip(variables, optimizer._model_variables_moving_average, strict=True))
    kept = [variable.numpy() for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average.numpy())
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, kept, strict=True):
            variable.assign(value)
