"""The batches of every epoch, as configured."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from hrpn_tf.config import Config
from hrpn_tf.data.growing import GrowingPatches, slides_at
from hrpn_tf.data.pipeline import make_dataset
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore
from hrpn_tf.training.distribution import Devices

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batches:
    """The source of batches. The batches of an epoch are a function of (seed, epoch) alone.

    Attributes:
        store: the patches; of a dataset that grows, those of validation and of the first epoch.
        split, config, devices: of the training.
        growing: the dataset, if slides are still being simulated for it; else None.
    """

    store: PatchStore
    split: Split
    config: Config
    devices: Devices
    growing: GrowingPatches | None = None

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

    def wait(self, epoch: int, stopped: Callable[[], bool], progress: bool) -> bool:
        """Wait for the patches of an epoch, if they are still being made.

        Args:
            epoch: number, from 0.
            stopped: whether to give up.
            progress: report the progress; see ``hrpn_tf.progress``.

        Returns:
            False if ``stopped`` was true before they were there.

        Raises:
            HrpnError: the simulation failed.
        """
        if self.growing is None:
            return True
        epochs = self.config.training.epochs
        slides = slides_at(epoch, epochs, self.growing.plan)
        there = self.growing.wait(slides, stopped, shown=progress)
        if there:
            logger.info(self.growing.progress_line(epoch, epochs))
        return there

    def epoch(self, number: int, first_step: int = 0) -> tf.data.Dataset:
        """Training batches of epoch ``number``, from 0, without those before ``first_step``.

        Pairs of float32 NHWC grey levels; every device gets its share of each batch.
        """
        training = self.config.training
        store, uses = self.store, None
        if self.growing is not None:
            count = self.steps * training.batch_size
            store, uses = self.growing.epoch(number, training.epochs, count, training.seed)

        def make(share: tuple[int, int], device_batch: int) -> tf.data.Dataset:
            return make_dataset(
                store,
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
                uses=uses,
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
