"""Seeds, determinism and precision, set for the whole process before a network is built."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from hrpn_tf.config import TrainingConfig
from hrpn_tf.training.backend import backend


def prepare_runtime(config: TrainingConfig) -> None:
    """Seed every generator, and ask for deterministic operations."""
    keras.utils.set_random_seed(config.seed)
    backend.prepare(config.deterministic)


def may_use_xla(config: TrainingConfig) -> bool:
    """XLA pays on a GPU; it rounds in another way, so not where results must repeat exactly.

    JAX uses it always.
    """
    return not config.deterministic and bool(backend.gpu_names())


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

    Batch normalisation and weights apart, nothing else carries over from one epoch to the next.
    """
    states = [v for v in model.non_trainable_variables if v.name == "seed_generator_state"]
    for number, state in enumerate(states):
        # JAX keeps them as 32 bits
        state.assign([(seed + 1_000_003 * number) % 2**31, epoch * 2**20 % 2**32])
