"""The batches of every epoch, as configured."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from hrpn_tf.config import Config
from hrpn_tf.data.growing import GrowingPatches, slides_at
from hrpn_tf.data.order import Order
from hrpn_tf.data.pipeline import make_dataset
from hrpn_tf.data.sampling import Sampling
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore
from hrpn_tf.data.window import Window, window_of
from hrpn_tf.training.distribution import Devices
from hrpn_tf.training.plan import TrainingPlan

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batches:
    """The source of batches. They are a function of seed, plan and epoch alone.

    Attributes:
        store: of patches; of a dataset that grows, those of validation and of the first epoch.
        split: of its groups.
        config: resolved.
        devices: that share the batches.
        sampling: draws training patches by what they hold; None to draw all alike.
        growing: the dataset, if slides are still being simulated for it; else None.
    """

    store: PatchStore
    split: Split
    config: Config
    devices: Devices
    sampling: Sampling | None = None
    growing: GrowingPatches | None = None

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

    def epoch(self, number: int, plan: TrainingPlan, first_step: int = 0) -> tf.data.Dataset:
        """Training batches of epoch ``number``, from 0, without those before ``first_step``.

        Members as of :func:`~hrpn_tf.data.pipeline.make_dataset`; every device gets its share of
        each batch. For a teacher the random gains of the inputs come along.
        """
        return self.after(number, plan.first(number), plan.steps(number), first_step)

    def after(self, number: int, start: int, count: int, first_step: int = 0) -> tf.data.Dataset:
        """``count`` training batches after ``start`` others, less the first ``first_step``.

        They are of the patches that epoch ``number`` draws from.
        """
        training = self.config.training
        store, uses = self.store, None
        if self.growing is not None:
            patches = count * training.batch_size
            store, uses = self.growing.epoch(number, training.epochs, patches, training.seed)

        def make(share: tuple[int, int], device_batch: int) -> tf.data.Dataset:
            order = Order(
                training.batch_size,
                training.seed,
                steps=count,
                start=start,
                first_step=first_step,
                share=share,
                device_batch=device_batch,
            )
            return make_dataset(
                store,
                self.split.train,
                order,
                self.config.data.augmentation,
                window=self.window,
                sampling=self.sampling,
                with_gains=training.teacher is not None,
                uses=uses,
            )

        return self.devices.distribute(make, training.batch_size)

    def validation(self) -> tf.data.Dataset:
        """This process's share of the validation patches: each once, whole and unchanged.

        A batch has no more pixels than one of training crops, or it would need more memory than a
        training step.
        """
        training = self.config.training
        share = (self.devices.worker, self.devices.workers)
        crops = training.batch_size // training.accumulate // self.devices.replicas
        batch = max(crops * self.side**2 // self.store.patch**2, 1)
        order = Order(batch, shuffle=False, share=share)
        return make_dataset(self.store, self.split.validation, order)
