"""Train with JAX, in a process of its own: ``python -m support.jax_fits STORE START FOLDER``.

Keras has one backend in a process, and the other tests have TensorFlow. Start-up and graphs take
longer than all trainings here, so that one process makes all of them.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import hrpn_tf as ht
from hrpn_tf.errors import HrpnError
from support.tiny_training import TINY_RUN, tiny_presets

# Without dropout, whose random numbers differ between frameworks: twenty steps, a row each.
TWENTY = (
    *("model.preset=normed", "training.epochs=20", "training.steps_per_epoch=1"),
    *("training.optimizer.learning_rate=0.01", "training.ema=0.9", "training.early_stopping=null"),
)
GAN = (
    *("model.preset=tiny-gan", "training.epochs=1", "training.precision=mixed_float16"),
    *("training.crop=24", "training.context=4", "training.sampling=target"),
    "training.accumulate=2",
)
# JAX compiles for longer than it computes here; what is computed is the same but for rounding.
FAST_TO_COMPILE = "--xla_backend_optimization_level=0"
WHOLE = ("training.epochs=2", "training.precision=mixed_bfloat16", "training.ema=0.9")


def settings(*options: str) -> dict[str, Any]:
    """Options of the command line as values of the configuration."""
    values: dict[str, Any] = {}
    for option in (*TINY_RUN, *options):
        key, _, text = option.partition("=")
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text.strip("[]").split(",") if text[0] == "[" else text
    return values


def main(store: str, start: str, folder: Path) -> None:
    """Make the runs, and write what cannot be seen in them to ``seen.json``."""
    seen: dict[str, Any] = {}

    def fit(name: str, *options: str, **more: Any) -> Any:
        return ht.fit(store, folder / name, settings(*options), **more)

    twenty = fit("twenty", *TWENTY, start=start, backend="jax")
    patches = np.random.default_rng(1).integers(0, 200, (2, 48, 64, 2)).astype(np.float32)
    predicted = np.asarray(twenty.run.load_network()(patches))
    np.savez(folder / "predicted.npz", patches=patches, predicted=predicted)
    fit("gan", *GAN, backend="jax")
    know_the_precision()
    fit("whole", *WHOLE, backend="jax")
    with interrupted_before(1):
        fit("resumed", *WHOLE, backend="jax")
    fit("resumed", *WHOLE)  # the run knows its backend
    for name, backend in (("other", "tensorflow"), ("short", "jax")):
        with pytest.MonkeyPatch.context() as patch:
            if name == "short":
                exhaust(patch)
            with pytest.raises(HrpnError) as error:
                fit(name, backend=backend)
        seen[name] = [type(error.value).__name__, str(error.value)]
    seen["gpu"] = on_a_gpu()
    (folder / "seen.json").write_text(json.dumps(seen), encoding="utf-8")


def know_the_precision() -> None:
    """Do not measure again, with graphs of its own, what a precision costs on this processor."""
    from hrpn_tf.training import setup

    setup.warn_if_slow = lambda policy: None


def on_a_gpu() -> list[Any]:
    """What a training asks of a GPU, of one that is not there."""
    import jax

    from hrpn_tf.training.backend import backend
    from hrpn_tf.training.memory import available_bytes

    counts = {"bytes_limit": 900, "bytes_in_use": 200, "peak_bytes_in_use": 500}
    gpu = SimpleNamespace(platform="gpu", device_kind="H", memory_stats=lambda: counts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "local_devices", lambda: [gpu, gpu])
        return [backend.gpu_names(), available_bytes(), backend.gpu_bytes("peak")]


def interrupted_before(epoch: int) -> Any:
    """See ``interrupted``; Keras is imported by the first training."""
    from support.training_results import interrupted

    return interrupted(pytest.MonkeyPatch(), epoch)


def exhaust(patch: pytest.MonkeyPatch) -> None:
    """Let a step ask XLA for more memory than there is: the error is its own."""
    import jax

    from hrpn_tf.training.steps import Steps

    patch.setattr(Steps, "train", lambda *_, **__: jax.jit(lambda: jax.numpy.zeros(2**48))())


if __name__ == "__main__":
    with tiny_presets():
        main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
