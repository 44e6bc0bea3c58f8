"""The patch order of a training: a function of seed, epoch and steps alone."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.data.sampling import Sampling
from hrpn_tf.errors import ConfigError


@dataclass(frozen=True)
class Order:
    """Which patches the batches of an epoch hold, and the part of them that a process reads.

    A training that is resumed at epoch e gets the same batches as one without interruption.

    Attributes:
        batch_size: patches per batch, over all processes and devices.
        seed: of the order, and of what else is drawn for a patch.
        epoch: number, from 0.
        shuffle: random order; the last partial batch is then dropped (unless it is the only one),
            and other patches fall into it in every epoch. Without shuffling every patch comes
            once, in the order of storage.
        steps: batches of the epoch, from as many passes over the patches as that takes; None for
            one pass. Needs ``shuffle``.
        start: batches of all epochs before; None where all have ``steps``.
        first_step: number of batches to skip at the beginning of the epoch, for resuming.
        share: (k, n): the k-th of n processes that share the epoch. Shuffled, each reads its part
            of every batch; in order of storage, every n-th patch.
        device_batch: patches of one batch that comes out, where several devices of this process
            share its part; its whole part by default.

    Raises:
        ConfigError: steps without shuffling.

    Example:
        >>> Order(batch_size=2, seed=0, shuffle=False).uses(np.array([7, 8, 9])).tolist()
        [[0, 7], [0, 8], [0, 9]]
    """

    batch_size: int
    seed: int = 0
    epoch: int = 0
    shuffle: bool = True
    steps: int | None = None
    start: int | None = None
    first_step: int = 0
    share: tuple[int, int] = (0, 1)
    device_batch: int | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and not self.shuffle:
            raise ConfigError("a number of steps is for shuffled batches")

    def uses(self, indices: np.ndarray, sampling: Sampling | None = None) -> np.ndarray:
        """Which of some patches the epoch uses, in order, for all processes.

        Args:
            indices: numbers of the patches.
            sampling: draws patches by what they hold; None to draw all alike.

        Returns:
            (N, 2) int64 of pass over the data and patch number. With ``sampling`` (N, 3): a patch
            can come several times in a pass, and the third number counts.
        """
        n = len(indices)
        if not self.shuffle:
            return np.stack([np.full(n, self.epoch), indices], axis=1)
        if self.steps is None:
            first, last = self.epoch * n, self.epoch * n + (n - n % self.batch_size or n)
        else:
            start = self.epoch * self.steps if self.start is None else self.start
            first, last = start * self.batch_size, (start + self.steps) * self.batch_size
        passes = range(first // n, -(-last // n))
        if sampling is None:
            stream = [np.stack([np.full(n, k), self._shuffled(indices, k)], axis=1) for k in passes]
        else:
            drawn = [sampling.one_pass((self.seed, k)) for k in passes]
            stream = [np.insert(one, 0, k, axis=1) for k, one in zip(passes, drawn, strict=True)]
        return np.concatenate(stream)[first - passes[0] * n : last - passes[0] * n]

    def part(self, uses: np.ndarray) -> np.ndarray:
        """What is left of the uses of an epoch for this process, from ``first_step`` on."""
        batch_size = self.batch_size if self.shuffle else 1
        uses = uses[self.first_step * self.batch_size :]
        number, processes = self.share
        if processes == 1:
            return uses
        if batch_size == 1:
            return uses[number::processes]
        part = batch_size // processes
        batches = uses.reshape(-1, batch_size, uses.shape[-1])
        return batches[:, number * part : (number + 1) * part].reshape(-1, uses.shape[-1])

    @property
    def batch(self) -> int:
        """Patches of one batch that comes out."""
        if not self.shuffle:
            return self.batch_size
        return self.device_batch or self.batch_size // self.share[1]

    def _shuffled(self, indices: np.ndarray, number: int) -> np.ndarray:
        return np.random.default_rng((self.seed, number)).permutation(indices)
