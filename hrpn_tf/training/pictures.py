"""Pictures of held-out patches in TensorBoard, which show the progress of a training."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from hrpn_tf.training.batches import Batches
from hrpn_tf.training.trained_model import TrainedModel

PATCHES = 4
SATURATED = 99.8  # percentile that is shown white
GAP = 4  # px between pictures


class Pictures(keras.callbacks.Callback):
    """Every few epochs: one row per patch of inputs, measured target, prediction.

    The patches are those of the validation set in which the target varies most, so that the
    choice does not depend on the network.
    """

    def __init__(self, folder: Path, batches: Batches, every: int) -> None:
        """Draw into TensorBoard's ``folder`` after every ``every`` epochs."""
        super().__init__()
        self._writer = tf.summary.create_file_writer(str(folder))
        self._batches, self._every = batches, every
        self._patches: tuple[np.ndarray, np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draw, if it is time."""
        if (epoch + 1) % self._every:
            return
        if self._patches is None:
            self._patches = choose_patches(self._batches)
        inputs, target = self._patches
        model: TrainedModel = self.model
        with model.averaged():
            prediction = np.asarray(model(inputs, training=False))
        image = sheet(inputs, target, prediction)
        with self._writer.as_default(step=epoch):
            columns = ", ".join(
                (*self._batches.config.data.inputs, self._batches.config.data.target, "predicted")
            )
            tf.summary.image(f"held-out patches: {columns}", image[None, ..., None])
        self._writer.flush()


def choose_patches(batches: Batches, count: int = PATCHES) -> tuple[np.ndarray, np.ndarray]:
    """The held-out patches with the most varied target: (n, H, W, inputs), (n, H, W, 1) float32."""
    store = batches.store
    indices = store.indices(batches.split.validation)
    spread = [float(store.read(i)[..., -1].std()) for i in indices]
    chosen = [store.read(i) for i in indices[np.argsort(spread)[::-1][:count]]]
    patches = np.stack(chosen).astype(np.float32)
    return patches[..., :-1], patches[..., -1:]


def sheet(inputs: np.ndarray, target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """All pictures on one sheet, (height, width) float32 in [0, 1]; one row per patch.

    A channel's scale is that of all its patches; target and prediction share theirs.

    Args:
        inputs: (N, H, W, inputs) grey levels.
        target: (N, H, W, 1) grey levels.
        prediction: as the target.
    """
    columns = [inputs[..., i] for i in range(inputs.shape[-1])]
    columns += [target[..., 0], prediction[..., 0]]
    scales = [float(np.percentile(c, SATURATED)) for c in columns]
    scales[-1] = scales[-2]
    shown = [
        np.clip(np.pad(c, ((0, 0), (0, GAP), (0, GAP))) / max(scale, 1e-6), 0, 1)
        for c, scale in zip(columns, scales, strict=True)
    ]
    rows = np.concatenate(shown, axis=2)
    return rows.reshape(-1, rows.shape[-1]).astype(np.float32)
