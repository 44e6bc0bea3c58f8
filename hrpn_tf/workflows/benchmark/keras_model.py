"""The Keras network of a bundle for benchmarks, and the scenario ``model_predict``."""

from typing import TYPE_CHECKING

import numpy as np
from hrpn_benchmarks.errors import BenchmarkError
from hrpn_benchmarks.measures import Measured
from hrpn_benchmarks.scenarios.scenario import Scenario, ScenarioContext
from hrpn_benchmarks.scenarios.sessions import WARM_UP, noise
from hrpn_benchmarks.trackers.timing import PeakMemory, repeat, warm_up

from hrpn_tf.workflows.quiet import load_tensorflow

if TYPE_CHECKING:
    import keras
    from hrpn_benchmarks.matrix import Cell
    from hrpn_export import Contract


def load_keras(cell: "Cell") -> tuple["keras.Model", "Contract"]:
    """The Keras network of a cell's bundle, on the cell's device with its threads.

    Raises:
        BenchmarkError: the cell is of a peer or of another format, or there is no such device.
        DamagedBundleError: the file cannot be loaded.
    """
    if cell.peer or cell.format != "keras":
        raise BenchmarkError(f"{cell.scenario} takes the Keras file of a bundle alone")
    load_tensorflow()
    import keras
    from hrpn_export import open_bundle
    from hrpn_export.errors import DamagedBundleError
    from hrpn_export.keras_session import limit_threads

    import hrpn_tf.models.layers  # noqa: F401  registers them

    limit_threads(cell.threads)
    _see_one_device(cell.device)
    bundle = open_bundle(cell.bundle)
    path = bundle.path / bundle.artefact(cell.format, cell.precision).path
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DamagedBundleError(f"{path}: cannot be loaded: {line}") from None
    return model, bundle.contract


def model_predict(job: ScenarioContext) -> Measured:
    """One tile by ``keras.Model.predict``, as whoever has the Keras file and nothing else does."""
    model, contract = load_keras(job.cell)
    tile, memory = noise(contract, len(contract.inputs), 1, job.cell.side), PeakMemory()

    def run() -> np.ndarray:
        result: np.ndarray = model.predict(tile, verbose=0)
        return result

    with memory.watch():
        warm_up(run, WARM_UP)
        job.together()
        samples = repeat(run, job.cell.seconds)
    return Measured(measures={"latency": samples, **memory.measures})


MODEL_PREDICT = Scenario("model_predict", model_predict, "tiles", formats=("keras",))


def _see_one_device(device: str) -> None:
    """Let TensorFlow use the CPU, or one GPU, and no other.

    Raises:
        BenchmarkError: there is no such GPU.
    """
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    kind, _, number = device.partition(":")
    if kind == "cpu":
        tf.config.set_visible_devices([], "GPU")
        return
    index = int(number) if number.isdigit() else 0
    if kind != "cuda" or index >= len(found):
        raise BenchmarkError(f"TensorFlow sees {len(found)} GPUs, so there is no {device}")
    tf.config.set_visible_devices([found[index]], "GPU")
