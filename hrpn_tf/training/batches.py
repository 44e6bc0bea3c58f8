"""The batches of every epoch, as configured."""

from dataclasses import dataclass

import tensorflow as tf

from hrpn_tf.config import Config
from hrpn_tf.data.pipeline import make_dataset
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore
from hrpn_tf.training.distribution import Devices


@dataclass(frozen=True)
class Batches:
    """The source of batches. The batches of an epoch are a function of (seed, epoch) alone."""

    store: PatchStore
    split: Split
    config: Config
    devices: Devices

    @property
    def steps(self) -> int:
        """Training batches of one epoch; a last partial batch is left to other epochs."""
        training = self.config.training
        patches = len(self.store.indices(self.split.train))
        return training.steps_per_epoch or patches // training.batch_size

    @property
    def side(self) -> int:
        """Side of a training patch, px."""
        return self.config.training.crop or self.store.patch

    def epoch(self, number: int, first_step: int = 0) -> tf.data.Dataset:
        """Training batches of epoch ``number``, from 0, without those before ``first_step``.

        Pairs of float32 NHWC grey levels; every device gets its share of each batch. For a teacher
        the random gains of the inputs come along; see ``make_dataset``.
        """
        training = self.config.training

        def make(share: tuple[int, int], device_batch: int) -> tf.data.Dataset:
            return make_dataset(
                self.store,
                self.split.train,
                batch_size=training.batch_size,
                device_batch=device_batch,
                seed=training.seed,
                epoch=number,
                shuffle=True,
                augmentation=self.config.data.augmentation,
                crop=training.crop,
                steps=self.steps,
                first_step=first_step,
                share=share,
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
