"""A store as a :class:`tf.data.Dataset`: shuffled without holding patches, repeatable, lean.

What is shuffled are patch numbers; patches are read at random when their turn comes. Grey levels
stay in the type of the slides until the batch leaves the pipeline, which keeps the batches that
wait in it four times smaller.
"""

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np
import tensorflow as tf

from hrpn_tf.config import AugmentationConfig
from hrpn_tf.data.augmentation import draw, move
from hrpn_tf.data.store import PatchStore
from hrpn_tf.errors import ConfigError, StoreError

READERS = 2  # batches that are read at the same time


def make_dataset(
    store: PatchStore,
    groups: Sequence[str],
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    shuffle: bool,
    augmentation: AugmentationConfig | None,
    crop: int | None = None,
    steps: int | None = None,
    first_step: int = 0,
    share: tuple[int, int] = (0, 1),
    device_batch: int | None = None,
    uses: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Batches of one epoch.

    Order and augmentation are a function of ``seed`` and ``epoch`` alone, so a training that is
    resumed at epoch e gets the same batches as one without interruption.

    Args:
        store: an open store.
        groups: groups whose patches are used.
        batch_size: patches per batch.
        seed: seed of order and augmentation.
        epoch: number of the epoch, from 0.
        shuffle: random order; the last partial batch is then dropped (unless it is the only one),
            and other patches fall into it in every epoch. Without shuffling every patch comes
            once, in the order of storage.
        augmentation: random changes of the patches; None for none.
        crop: side of a random crop, px; None for whole patches.
        steps: batches of an epoch, from as many passes over the patches as that takes; None for
            one pass. Needs ``shuffle``.
        first_step: number of batches to skip at the beginning of the epoch, for resuming.
        share: (k, n): the k-th of n processes that share the epoch. Shuffled, each reads its part
            of every batch; in order of storage, every n-th patch.
        device_batch: patches of one batch that comes out, where several devices of this process
            share its part; its whole part by default.
        uses: which patches the epoch uses, in order, as :func:`epoch_uses` gives them; None for
            those of all patches of ``groups``.

    Returns:
        Pairs (inputs, target), float32 (B, H, W, inputs) and (B, H, W, 1), grey levels.

    Raises:
        StoreError: a group is not in the store, or no group is given.
        ConfigError: the crop is larger than a patch, or steps without shuffling.
    """
    if crop is not None and crop > store.patch:
        raise ConfigError(f"training.crop={crop} is larger than the store's {store.patch} px")
    if steps is not None and not shuffle:
        raise ConfigError("a number of steps is for shuffled batches")
    indices = store.indices(groups)
    if not len(indices):
        raise StoreError(f"{store.path}: no group is given to read patches of")
    if uses is None:
        uses = epoch_uses(indices, batch_size, seed, epoch, shuffle, steps)
    uses = _share(uses[first_step * batch_size :], batch_size if shuffle else 1, share)
    if shuffle:
        batch_size = device_batch or batch_size // share[1]
    read = partial(read_batch, store, seed, augmentation, crop)
    inputs, side = len(store.roles) - 1, crop or store.patch

    def load(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        types = (store.dtype, store.dtype, tf.float32)
        # stateless, or deterministic training would read one batch at a time
        pixels, target, gains = tf.numpy_function(read, [batch], types, stateful=False)
        pixels.set_shape((batch.shape[0], side, side, inputs))
        target.set_shape((batch.shape[0], side, side, 1))
        gains.set_shape((batch.shape[0], inputs))
        return pixels, target, gains

    def finish(
        pixels: tf.Tensor, target: tf.Tensor, gains: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        grey = tf.cast(pixels, tf.float32)
        if augmentation is not None and augmentation.gain_jitter:
            grey *= gains[:, None, None, :]
        return grey, tf.cast(target, tf.float32)

    constant = len(uses) % batch_size == 0  # then the batch dimension is known to the graph
    dataset = tf.data.Dataset.from_tensor_slices(uses).batch(batch_size, drop_remainder=constant)
    dataset = dataset.map(load, num_parallel_calls=READERS, deterministic=True)
    return dataset.map(finish).prefetch(1)


def read_batch(
    store: PatchStore,
    seed: int,
    augmentation: AugmentationConfig | None,
    crop: int | None,
    uses: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read and augment the patches of ``uses`` (B, 2): pass over the data, patch number.

    Returns:
        Inputs (B, H, W, inputs) and target (B, H, W, 1) in the type of the store, and the gains
        (B, inputs), float32, that the inputs are still to be multiplied by.
    """
    side, count = crop or store.patch, len(store.roles) - 1
    inputs = np.empty((len(uses), side, side, count), store.dtype)
    target = np.empty((len(uses), side, side, 1), store.dtype)
    gains = np.empty((len(uses), count), np.float32)
    for place, (number, index) in enumerate(uses.tolist()):
        change = draw((seed, number, index), store.patch, count, augmentation, crop)
        *planes, last = move(store.read(index), change)
        cv2.merge(planes, inputs[place])
        target[place, ..., 0] = last
        gains[place] = change.gains
    return inputs, target, gains


def epoch_uses(
    indices: np.ndarray,
    batch_size: int,
    seed: int,
    epoch: int,
    shuffle: bool,
    steps: int | None = None,
) -> np.ndarray:
    """Which patches an epoch uses, in order: (N, 2) int64 of pass over the data, patch number."""
    n = len(indices)
    if not shuffle:
        return np.stack([np.full(n, epoch), indices], axis=1)
    if steps is None:
        first, last = epoch * n, epoch * n + (n - n % batch_size or n)
    else:
        first, last = epoch * steps * batch_size, (epoch + 1) * steps * batch_size
    passes = range(first // n, -(-last // n))
    stream = [np.stack([np.full(n, k), _shuffled(indices, seed, k)], axis=1) for k in passes]
    return np.concatenate(stream)[first - passes[0] * n : last - passes[0] * n]


def _share(uses: np.ndarray, batch_size: int, share: tuple[int, int]) -> np.ndarray:
    """The part of every batch that one of several processes reads."""
    number, processes = share
    if processes == 1:
        return uses
    if batch_size == 1:
        return uses[number::processes]
    part = batch_size // processes
    batches = uses.reshape(-1, batch_size, uses.shape[-1])
    return batches[:, number * part : (number + 1) * part].reshape(-1, uses.shape[-1])


def _shuffled(indices: np.ndarray, seed: int, number: int) -> np.ndarray:
    return np.random.default_rng((seed, number)).permutation(indices)
