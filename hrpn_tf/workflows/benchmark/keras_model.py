"""The Keras network of a bundle for benchmarks, and the scenario ``model_predict``."""

from typing import TYPE_CHECKING

import numpy as np
from hrpn_benchmarks.errors import BenchmarkError
from hrpn_benchmarks.measures import Measured
from hrpn_benchmarks.scenarios.scenario import Scenario, ScenarioContext
from hrpn_benchmarks.scenarios.sessions import WARM_UP, noise
from hrpn_benchmarks.trackers.timing import PeakMemory, repeat, warm_up

from hrpn_tf.console import load_tensorflow

if TYPE_CHECKING:
    import keras
    from hrpn_benchmarks.case import BenchmarkCase
    from hrpn_export import Contract


def load_keras(case: "BenchmarkCase") -> tuple["keras.Model", "Contract"]:
    """The Keras network of a case's bundle, on the case's device with its threads.

    The model itself, since a session would hold the weights a second time.

    Raises:
        BenchmarkError: the case has another format or is a baseline implementation, or there is
            no such device.
        DamagedBundleError: the file cannot be loaded.
    """
    if case.peer or case.format != "keras":
        raise BenchmarkError(f"{case.scenario} takes the Keras file of a bundle alone")
    load_tensorflow()
    from hrpn_export import open_bundle
    from hrpn_export.keras_session import limit_threads
    from hrpn_export.runtimes.keras_file import load_keras as load_file

    limit_threads(case.threads)
    _see_one_device(case.device)
    bundle = open_bundle(case.bundle)
    path = bundle.path / bundle.artefact(case.format, case.precision).path
    return load_file(path), bundle.contract


def model_predict(context: ScenarioContext) -> Measured:
    """Predict one tile by ``keras.Model.predict``, the usual way to use a Keras file."""
    model, contract = load_keras(context.case)
    tile, memory = noise(contract, len(contract.inputs), 1, context.case.side), PeakMemory()

    def run() -> np.ndarray:
        result: np.ndarray = model.predict(tile, verbose=0)
        return result

    with memory.watch():
        warm_up(run, WARM_UP)
        context.together()
        samples = repeat(run, context.case.seconds)
    return Measured(measures={"latency": samples, **memory.measures})


MODEL_PREDICT = Scenario("model_predict", model_predict, "tiles", formats=("keras",))


def _see_one_device(device: str) -> None:
    """Restrict TensorFlow to the CPU, or to one GPU.

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
