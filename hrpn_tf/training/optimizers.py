"""Optimizers and learning-rate schedules from the configuration, and the averaged weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from hrpn_tf.config import TrainingConfig


def build_optimizer(config: TrainingConfig, model: keras.Model, steps: int) -> Any:
    """The Keras optimizer for ``model``, not yet attached to it.

    AdamW decays kernels only, not biases or normalisation. RMSprop has PyTorch's smoothing of
    0.99 and decays everything, as in the published training.

    Args:
        config: the training section.
        model: the network, in the precision in which it is trained.
        steps: optimizer steps of the whole training.
    """
    optimizer = config.optimizer
    common: dict[str, Any] = {
        "learning_rate": build_schedule(config, steps),
        "weight_decay": optimizer.weight_decay or None,
        "global_clipnorm": optimizer.clip_norm,
        "use_ema": config.ema > 0,
        "ema_momentum": config.ema,
    }
    if optimizer.name == "rmsprop":
        return keras.optimizers.RMSprop(
            rho=0.99, momentum=optimizer.momentum, epsilon=1e-16, **common
        )
    adamw = keras.optimizers.AdamW(**common)
    adamw.exclude_from_weight_decay(
        var_list=[variable for variable in model.trainable_variables if len(variable.shape) < 2]
    )
    return adamw


def build_schedule(config: TrainingConfig, steps: int) -> Any:
    """Learning rate against the step: a linear rise, then a cosine to 0 or a constant."""
    optimizer = config.optimizer
    peak = optimizer.learning_rate
    warmup = round(optimizer.warmup_share * steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / warmup if warmup else peak,
        decay_steps=max(steps - warmup, 1),
        alpha=0.0 if optimizer.schedule == "cosine" else 1.0,  # 1: nothing is left to decay
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Inside, the model holds its averaged weights (as they are, if it keeps no average).

    Keras' own callback swaps by adding and subtracting, which rounds the weights at every swap;
    here they are copied, so that validation changes nothing.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not optimizer.use_ema:
        yield
        return
    pairs = list(
        zip(model.trainable_variables, optimizer._model_variables_moving_average, strict=True)
    )
    kept = [variable.numpy() for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, kept, strict=True):
            variable.assign(value)
