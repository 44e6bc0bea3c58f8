"""Seeds, determinism and precision: what is set for the whole process before a network is built."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from hrpn_tf.config import TrainingConfig


def prepare_runtime(config: TrainingConfig) -> None:
    """Seed every generator, ask for deterministic operations, warn of a slow precision."""
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    if config.precision == "mixed_float16" and not tf.config.list_physical_devices("GPU"):
        warnings.warn(
            "mixed_float16 is about ten times slower than float32 on a CPU; "
            "use training.precision=float32 or mixed_bfloat16",
            stacklevel=2,
        )


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Layers built inside have this Keras dtype policy, such as mixed_bfloat16."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def seed_epoch(model: keras.Model, seed: int, epoch: int) -> None:
    """Make dropout a function of (seed, epoch) alone, as the order of the data is.

    Keras does not save the state of a layer's random generator with the weights, so a resumed
    training could not go on with it.
    """
    states = [v for v in model.non_trainable_variables if v.name == "seed_generator_state"]
    for number, state in enumerate(states):
        state.assign([(seed + 1_000_003 * number) % 2**31, epoch * 2**20])
