"""The compiled steps of a training: one over all devices, one for validation."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
from keras import ops

from hrpn_tf.training import normalisation
from hrpn_tf.training.backend import backend
from hrpn_tf.training.distribution import Devices
from hrpn_tf.training.sums import total_of
from hrpn_tf.training.teacher import Teacher
from hrpn_tf.training.trained_model import TrainedModel


class Steps:
    """A model's ``train_step`` and ``test_step`` as graphs.

    Keras' own train function computes means over devices that do not work over several processes
    (Keras 3.15, issue 20585); ``strategy.run`` around the model's own step does.
    """

    def __init__(
        self,
        model: TrainedModel,
        devices: Devices,
        *,
        compile_xla: bool,
        teacher: Teacher | None = None,
    ) -> None:
        """Prepare; the graphs are built on the first calls. A teacher changes the target."""
        self.model, self.devices = model, devices
        self._compile_xla, self._teacher = compile_xla, teacher
        self._variables = [variable for _, variable in model.state_variables()]
        self._train = {frozen: self._build(frozen) for frozen in (False, True)}
        self._test = backend.compiled(model.test_step, self._variables, updates=False)

    def _build(self, frozen: bool) -> Any:
        """The graph of a step, with batch normalisation frozen or not."""
        model, devices, teacher = self.model, self.devices, self._teacher
        # A graph within the graph is what XLA compiles; it cannot hold what devices do together.
        alone = self._compile_xla and devices.replicas == 1
        step = backend.fused(model.train_step) if alone else model.train_step

        def on_device(data: Any, stop: Any) -> Any:
            seen = data if teacher is None else teacher.taught(data)
            return ops.concatenate([step(seen), ops.reshape(stop, (1,))], axis=0)

        def train(data: Any, stop: Any) -> Any:
            with normalisation.frozen(model.network) if frozen else nullcontext():
                return devices.sum_of(devices.run(on_device, data, stop))

        return backend.compiled(train, self._variables)

    def train(self, data: Any, stop: bool, *, frozen: bool = False) -> tuple[np.ndarray, bool]:
        """One step on all devices.

        Args:
            data: this process's share of the batch.
            stop: whether this process was asked to stop.
            frozen: use the moving statistics of batch normalisation.

        Returns:
            The sums over the whole batch, and whether any process was asked to stop.
        """
        asked = ops.convert_to_tensor(float(stop), dtype=backend.SUMS)
        sums = np.asarray(self._train[frozen](data, asked))
        return total_of(self.model.names, sums[:-1]), bool(sums[-1])

    def test(self, batches: Iterable[Any]) -> Iterator[np.ndarray]:
        """The sums of each batch of this process's share of the validation set."""
        for data in batches:
            yield total_of(self.model.names, np.asarray(self._test(data)))
