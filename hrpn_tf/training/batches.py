"""The batches of every epoch, as the configuration asks for them."""

from dataclasses import dataclass

import tensorflow as tf

from hrpn_tf.config import Config
from hrpn_tf.data.pipeline import make_dataset
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore


@dataclass(frozen=True)
class Batches:
    """Where batches come from; each epoch's are a function of (seed, epoch) alone."""

    store: PatchStore
    split: Split
    config: Config

    @property
    def steps(self) -> int:
        """Training batches of one epoch; a last partial batch is left to other epochs."""
        training = self.config.training
        patches = len(self.store.indices(self.split.train))
        return training.steps_per_epoch or patches // training.batch_size

    def epoch(self, number: int) -> tf.data.Dataset:
        """Training batches of epoch ``number``, from 0: pairs of float32 NHWC grey levels."""
        training = self.config.training
        return make_dataset(
            self.store,
            self.split.train,
            batch_size=training.batch_size,
            seed=training.seed,
            epoch=number,
            shuffle=True,
            augmentation=self.config.data.augmentation,
            crop=training.crop,
            steps=self.steps,
        )

    def validation(self) -> tf.data.Dataset:
        """Every validation patch once, whole and unchanged."""
        return make_dataset(
            self.store,
            self.split.validation,
            batch_size=self.config.training.batch_size,
            seed=0,
            epoch=0,
            shuffle=False,
            augmentation=None,
        )
