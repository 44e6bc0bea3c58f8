"""A store as a :class:`tf.data.Dataset`: shuffled without holding patches, repeatable, lean.

What is shuffled are patch numbers; patches are read at random when their turn comes. Grey levels
stay in the type of the slides until the batch leaves the pipeline, which keeps the batches that
wait in it four times smaller.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from hrpn_tf.config import AugmentationConfig
from hrpn_tf.data.augmentation import draw, move
from hrpn_tf.data.order import Order
from hrpn_tf.data.sampling import Sampling
from hrpn_tf.data.store import PatchStore
from hrpn_tf.data.window import Window
from hrpn_tf.errors import ConfigError, StoreError

BATCHES_AT_ONCE = 2  # that are read


def make_dataset(
    store: PatchStore,
    groups: Sequence[str],
    order: Order,
    augmentation: AugmentationConfig | None = None,
    *,
    window: Window | None = None,
    sampling: Sampling | None = None,
    with_gains: bool = False,
    uses: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Batches of one epoch.

    Args:
        store: an open store.
        groups: groups whose patches are used.
        order: which of them, and when; its seed also draws the changes.
        augmentation: random changes of the patches; None for none.
        window: sides of a random crop; None for whole patches.
        sampling: draws patches and places by what they hold; None to draw all alike.
        with_gains: whether the random gains of the inputs come along.
        uses: which patches the epoch uses, as :meth:`Order.uses` gives them; None for those that
            the order draws from all patches of ``groups``.

    Returns:
        Pairs (inputs, target), float32 (B, H, W, inputs) and (B, H, W, 1), grey levels. With
        context, the target is that of the core alone, (B, core, core, 1). With context,
        ``sampling`` or gains there is a third member, a mapping: ``corner`` (B, 2) int32 is first
        row and column of each core in its crop, ``weight`` (B,) float32 what each patch counts in a
        mean over all places of all patches, ``gains`` (B, inputs) float32 what the inputs were
        multiplied by.

    Raises:
        StoreError: a group is not in the store, or no group is given.
        ConfigError: the crop is larger than a patch, or gains that do not stand alone.
    """
    window = window or Window(store.patch)
    if window.side > store.patch:
        raise ConfigError(
            f"training.crop={window.side} is larger than the {store.patch} px of the patches"
        )
    indices = store.indices(groups)
    if not len(indices):
        raise StoreError(f"{store.path}: no group is given to read patches of")
    jitter = augmentation is not None and augmentation.changes_intensity
    if with_gains and augmentation and (augmentation.offset_jitter or augmentation.gamma_jitter):
        raise ConfigError(
            "data.augmentation: offset_jitter and gamma_jitter do not go with a teacher, which "
            "sees the inputs before their gains alone; set both to 0"
        )
    return _batches(
        partial(read_batch, store, order.seed, augmentation, window, sampling),
        order.part(order.uses(indices, sampling) if uses is None else uses),
        order.batch,
        (store.dtype, len(store.roles) - 1, window),
        bright=store.bright_levels if jitter else None,
        places=[
            *(["corner"] if window.context else []),
            *(["weight"] if sampling else []),
            *(["gains"] if jitter and with_gains else []),
        ],
    )


def _batches(
    read: Callable[[np.ndarray], tuple[np.ndarray, ...]],
    uses: np.ndarray,
    batch_size: int,
    shape: tuple[np.dtype, int, Window],
    *,
    bright: Sequence[float] | None,
    places: Sequence[str],
) -> tf.data.Dataset:
    """Batches that ``read`` reads ahead, of float32.

    Args:
        read: :func:`read_batch` of some uses.
        uses: of the patches, in order.
        batch_size: patches per batch.
        shape: type of the store, number of inputs, and the window.
        bright: of each input, the level that a gamma leaves as it is; None where inputs keep
            their intensities.
        places: what comes along beside inputs and target, by name; see :func:`make_dataset`.
    """
    dtype, inputs, window = shape

    def load(batch: tf.Tensor) -> tuple[tf.Tensor, ...]:
        types = (dtype, dtype, tf.float32, tf.int32, tf.float32)
        # stateless, or deterministic training would read one batch at a time
        pixels, target, tones, corner, weight = tf.numpy_function(
            read, [batch], types, stateful=False
        )
        pixels.set_shape((batch.shape[0], window.side, window.side, inputs))
        target.set_shape((batch.shape[0], window.core, window.core, 1))
        tones.set_shape((batch.shape[0], 3, inputs))
        corner.set_shape((batch.shape[0], 2))
        weight.set_shape((batch.shape[0],))
        return pixels, target, tones, corner, weight

    def finish(
        pixels: tf.Tensor, target: tf.Tensor, tones: tf.Tensor, corner: tf.Tensor, weight: tf.Tensor
    ) -> tuple[Any, ...]:
        grey = tf.cast(pixels, tf.float32)
        if bright is not None:
            grey = toned(grey, tones, bright)
        known = {"corner": corner, "weight": weight, "gains": tones[:, 0]}
        pair = grey, tf.cast(target, tf.float32)
        return (*pair, {name: known[name] for name in places}) if places else pair

    constant = len(uses) % batch_size == 0  # then the batch dimension is known to the graph
    dataset = tf.data.Dataset.from_tensor_slices(uses).batch(batch_size, drop_remainder=constant)
    dataset = dataset.map(load, num_parallel_calls=BATCHES_AT_ONCE, deterministic=True)
    return dataset.map(finish).prefetch(1)


def read_batch(
    store: PatchStore,
    seed: int,
    augmentation: AugmentationConfig | None,
    window: Window,
    sampling: Sampling | None,
    uses: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Read and augment the patches of ``uses``, as :meth:`Order.uses` gives them.

    Returns:
        Inputs (B, side, side, inputs) and target (B, core, core, 1) in the type of the store; the
        gains, offsets and gammas (B, 3, inputs), float32, that the inputs are still to be changed
        by; first row and column of each core in its crop (B, 2), int32; the weights (B,), float32.
    """
    side, core, count = window.side, window.core, len(store.roles) - 1
    inputs = np.empty((len(uses), side, side, count), store.dtype)
    target = np.empty((len(uses), core, core, 1), store.dtype)
    tones = np.empty((len(uses), 3, count), np.float32)
    corner = np.empty((len(uses), 2), np.int32)
    weights = np.ones(len(uses), np.float32)
    for place, (number, index, *repeat) in enumerate(uses.tolist()):
        patch, key, first = store.read(index), (seed, number, index, *repeat), None
        if sampling is not None:
            first, weight = sampling.place(patch[..., -1], window, key)
            weights[place] = weight * sampling.weight(index)
        change = draw(key, store.patch, count, augmentation, window, first)
        *planes, last = move(patch, change)
        cv2.merge(planes, inputs[place])
        y, x = corner[place] = change.corner
        target[place, ..., 0] = last[y : y + core, x : x + core]
        tones[place] = change.tones
    return inputs, target, tones, corner, weights


def toned(grey: tf.Tensor, tones: tf.Tensor, bright: Sequence[float]) -> tf.Tensor:
    """Inputs with other intensities: gain * bright * (grey / bright) ^ gamma + offset.

    Args:
        grey: (B, H, W, inputs) float32, grey levels.
        tones: (B, 3, inputs) float32: gain, offset, gamma.
        bright: of each input, the level that its gamma leaves as it is, grey levels.
    """
    gain, offset, gamma = tf.unstack(tones[:, :, None, None, :], axis=1)
    level = tf.constant(bright, tf.float32)
    bent = level * tf.maximum(grey / level, 0.0) ** gamma
    # levels below 0, of normalised inputs, are on the straight part; so is everything without gamma
    straight = tf.logical_or(grey <= 0, gamma == 1.0)
    return gain * tf.where(straight, grey, bent) + offset
