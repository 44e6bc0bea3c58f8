"""The batches of every epoch, as configured."""

from dataclasses import dataclass

import tensorflow as tf

from hrpn_tf.config import Config
from hrpn_tf.data.pipeline import make_dataset
from hrpn_tf.data.sampling import Sampling
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore
from hrpn_tf.data.window import Window, window_of
from hrpn_tf.training.distribution import Devices
from hrpn_tf.training.plan import Plan


@dataclass(frozen=True)
class Batches:
    """The source of batches. They are a function of seed, plan and epoch alone.

    Attributes:
        store: of patches.
        split: of its groups.
        config: resolved.
        devices: that share the batches.
        sampling: draws training patches by what they hold; None to draw all alike.
    """

    store: PatchStore
    split: Split
    config: Config
    devices: Devices
    sampling: Sampling | None = None

    @property
    def side(self) -> int:
        """Side of what the network is shown of a training patch, px."""
        return self.window.side

    @property
    def window(self) -> Window:
        """What the network is shown of a training patch, and the part of it that counts."""
        return window_of(self.config.training, self.store.patch)

    @property
    def patches(self) -> int:
        """Number of training patches."""
        return len(self.store.indices(self.split.train))

    def epoch(self, number: int, plan: Plan, first_step: int = 0) -> tf.data.Dataset:
        """Training batches of epoch ``number``, from 0, without those before ``first_step``.

        Members as of :func:`~hrpn_tf.data.pipeline.make_dataset`; every device gets its share of
        each batch. For a teacher the random gains of the inputs come along.
        """
        return self.after(plan.first(number), plan.steps(number), first_step)

    def after(self, start: int, count: int, first_step: int = 0) -> tf.data.Dataset:
        """``count`` training batches after ``start`` others, less the first ``first_step``."""
        training = self.config.training

        def make(share: tuple[int, int], device_batch: int) -> tf.data.Dataset:
            return make_dataset(
                self.store,
                self.split.train,
                batch_size=training.batch_size,
                device_batch=device_batch,
                seed=training.seed,
                epoch=0,
                shuffle=True,
                augmentation=self.config.data.augmentation,
                window=self.window,
                steps=count,
                start=start,
                first_step=first_step,
                share=share,
                sampling=self.sampling,
                with_gains=training.teacher is not None,
            )

        return self.devices.distribute(make, training.batch_size)

    def validation(self) -> tf.data.Dataset:
        """This process's share of the validation patches: each once, whole and unchanged."""
        training = self.config.training
        return make_dataset(
            self.store,
            self.split.validation,
            batch_size=max(training.batch_size // training.accumulate // self.devices.replicas, 1),
            seed=0,
            epoch=0,
            shuffle=False,
            augmentation=None,
            share=(self.devices.worker, self.devices.workers),
        )
